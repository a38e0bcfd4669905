#include "tests/bench/verify_rate.h"

#include <fmt/format.h>

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

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Issuer {
 public:
  Issuer() {
    for (size_t i = 0; i < kClaims; ++i) {
      const Digest digest = pki::Sha256(fmt::format("certificate {}", i));
      claims_.push_back({digest, Must(key_.SignDigest(digest))});
    }
  }

  // Signatures a second of `threads` together, in about `seconds`.
  double Run(size_t threads, size_t block, double seconds) const {
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
    return static_cast<double>(verified) / SecondsSince(start);
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
  std::vector<std::vector<double>> rates(out.size()), ratios(out.size());
  for (int round = 0; round < rounds; ++round) {
    double plain = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const double rate = issuer.Run(out[i].threads, out[i].block, seconds);
      if (out[i].block == 0) plain = rate;
      rates[i].push_back(rate);
      ratios[i].push_back(rate / plain);
    }
  }
  fmt::print("  {:<8}{:<34}{:>14}{:>20}{:>9}\n", "threads", "way", "signatures/s", "us each, a thread", "ratio");
  for (size_t i = 0; i < out.size(); ++i) {
    out[i].rate = Median(rates[i]);
    out[i].speedup = Median(ratios[i]);
    const std::string way = out[i].block == 0 ? "PublicKey::VerifyDigest, loaded key"
                                              : fmt::format("IssuerVerifier, {} a call", out[i].block);
    fmt::print("  {:<8}{:<36}{:>12.0f}{:>20.2f}{:>9.2f}\n", out[i].threads, way, out[i].rate,
               1e6 * static_cast<double>(out[i].threads) / out[i].rate, out[i].speedup);
  }
  return out;
}

}  // namespace smki::bench
