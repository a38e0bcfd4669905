#include "tests/bench/verify_rate.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/clock.h"
#include "pki/digest.h"
#include "pki/issuer_verifier.h"

namespace smki::bench {
namespace {

using Claim = pki::IssuerVerifier::Claim;

constexpr size_t kClaims = 1024;

template <typename T>
T Must(StatusOr<T> value) {
  SMKI_CHECK(value.ok());
  return *std::move(value);
}

double SecondsSince(std::chrono::nanoseconds start) {
  return std::chrono::duration<double>(SystemClock().SinceBoot() - start).count();
}

double ProcessorSeconds() {
  timespec used{};
  SMKI_CHECK(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Run {
  double rate = 0;
  double microseconds = 0;
};

class Issuer {
 public:
  Issuer() {
    for (size_t i = 0; i < kClaims; ++i) {
      const Digest digest = pki::Sha256(fmt::format("certificate {}", i));
      claims_.push_back({digest, Must(key_.SignDigest(digest))});
    }
  }

  // For about `seconds` of the clock.
  Run Measure(size_t threads, size_t block, double seconds) const {
    const double processor = ProcessorSeconds();
    std::atomic<size_t> verified{0};
    const auto start = SystemClock().SinceBoot();
    std::vector<std::thread> running;
    for (size_t i = 0; i < threads; ++i) {
      running.emplace_back([&] {
        size_t own = 0;
        while (SecondsSince(start) < seconds) own += block == 0 ? Plain(own % kClaims) : Fast(own % kClaims, block);
        verified += own;
      });
    }
    for (std::thread& thread : running) thread.join();
    const auto count = static_cast<double>(verified);
    return {count / SecondsSince(start), 1e6 * (ProcessorSeconds() - processor) / count};
  }

 private:
  size_t Plain(size_t from) const {
    constexpr size_t kCount = 64;  // between two looks at the clock
    for (size_t i = from; i < from + kCount; ++i)
      SMKI_CHECK(key_.public_key().VerifyDigest(claims_[i].digest, claims_[i].signature));
    return kCount;
  }
  size_t Fast(size_t from, size_t block) const {
    std::array<uint8_t, kClaims> valid{};
    verifier_->Verify(std::span(claims_).subspan(from, block), std::span(valid).first(block));
    SMKI_CHECK(std::count(valid.begin(), valid.end(), 1) == static_cast<ptrdiff_t>(block));
    return block;
  }

  pki::PrivateKey key_ = Must(pki::PrivateKey::Generate());
  std::unique_ptr<pki::IssuerVerifier> verifier_ = Must(pki::IssuerVerifier::Create(key_.public_key()));
  std::vector<Claim> claims_;
};

}  // namespace

std::vector<VerifyRate> MeasureVerifyRate(double seconds, int rounds) {
  const Issuer issuer;
  const size_t cores = std::max(2U, std::thread::hardware_concurrency());
  std::vector<VerifyRate> out;
  for (const size_t threads : {size_t{1}, cores}) {
    for (const size_t block : {0, 64, 256, 1024}) out.push_back({threads, block});
  }
  struct Figures {
    std::vector<double> rate, microseconds, speedup;
  };
  std::vector<Figures> figures(out.size());
  for (int round = 0; round < rounds; ++round) {
    double plain = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const Run run = issuer.Measure(out[i].threads, out[i].block, seconds);
      if (out[i].block == 0) plain = run.microseconds;
      figures[i].rate.push_back(run.rate);
      figures[i].microseconds.push_back(run.microseconds);
      figures[i].speedup.push_back(plain / run.microseconds);
    }
  }
  fmt::print("  {:<9}{:<36}{:>14}{:>13}{:>8}\n", "threads", "way", "signatures/s", "CPU us each", "ratio");
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].rate = Median(figures[i].rate);
    out[i].microseconds = Median(figures[i].microseconds);
    out[i].speedup = Median(figures[i].speedup);
    const std::string way = out[i].block == 0 ? "PublicKey::VerifyDigest, loaded key"
                                              : fmt::format("IssuerVerifier, {} a call", out[i].block);
    fmt::print("  {:<9}{:<36}{:>14.0f}{:>13.2f}{:>8.2f}\n", out[i].threads, way, out[i].rate, out[i].microseconds,
               out[i].speedup);
  }
  return out;
}

}  // namespace smki::bench
