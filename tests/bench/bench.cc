// ./dev bench: what it costs, as ratios to the physical limit, from one run on one machine (docs/benchmarks.md).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "repository/rebuild.h"
#include "sim/scenario/process.h"
#include "tests/bench/raw_sign.h"
#include "tests/bench/verify_rate.h"
#include "tests/harness/keyguard.h"

namespace smki::bench {
namespace {

namespace fs = std::filesystem;

double SecondsSince(std::chrono::nanoseconds start) {
  return std::chrono::duration<double>(SystemClock().SinceBoot() - start).count();
}

std::string Generate(const std::string& folder, uint64_t devices) {
  const auto exit = SMKI_MUST(sim::RunProcess({sim::OwnFolder() + "/smki-sim", "generate", "--out", folder, "--devices",
                                               std::to_string(devices), "--seed", "1", "--runbooks", "runbooks"}));
  if (exit.code != 0) test::Fatal("smki-sim generate", Unavailable("{}", exit.err));
  return folder;
}

// Signatures a second through Keyguard.Sign: batches in flight over one mutual TLS channel, as the campaign does.
class SignLoad {
 public:
  SignLoad(test::Estate& estate, const test::Bundle& bundle, uint64_t devices)
      : bundle_(bundle), devices_(devices), stub_(MakeStub(estate)) {}

  double Run(size_t batch, int in_flight) {
    batch_ = batch;
    const auto start = SystemClock().SinceBoot();
    for (int i = 0; i < in_flight; ++i) Next();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
    if (signed_ != devices_) test::Fatal("Sign", Internal("{} of {} were signed: {}", signed_, devices_, failure_));
    return static_cast<double>(signed_) / SecondsSince(start);
  }

 private:
  struct Call {
    grpc::ClientContext context;
    test::kg::SignRequest request;
    test::kg::SignResponse response;
  };

  static std::unique_ptr<test::kg::Keyguard::Stub> MakeStub(test::Estate& estate) {
    const std::string site = estate.Path("keyguard/keyguard.yaml");
    const YamlNode root = SMKI_MUST(ParseYaml(estate.Read("keyguard/keyguard.yaml"), site));
    const auto tls = SMKI_MUST(rpc::ReadTls(
        {estate.Path("tls/ca.pem"), estate.Path("tls/orchestrator.crt.pem"), estate.Path("tls/orchestrator.key.pem")}));
    return test::kg::Keyguard::NewStub(rpc::MakeChannel(SMKI_MUST(root.Text("listen")), tls));
  }

  void Next() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (next_ == devices_) return;
    auto call = std::make_shared<Call>();
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call->request.set_direction_digest(ToString(bundle_.digest()));
    call->request.set_group(bundle_.direction.groups[0].name);
    for (size_t i = 0; i < batch_ && next_ < devices_; ++i, ++next_) {
      auto& item = *call->request.add_items();
      item.set_device(test::TestDevice(0, next_).value());
      item.set_attempt(1);
    }
    call->request.set_ledger_sequence(7);
    call->request.set_ledger_head(ToString(bundle_.direction.ledger_head));
    ++running_;
    stub_->async()->Sign(&call->context, &call->request, &call->response, [this, call](const grpc::Status& status) {
      {
        const std::lock_guard<std::mutex> guard(mutex_);
        for (const auto& command : call->response.commands()) {
          if (!command.command().empty()) ++signed_;
          if (command.command().empty()) failure_ = command.refusal();
        }
        if (!status.ok()) failure_ = status.error_message();
      }
      Next();
      const std::lock_guard<std::mutex> guard(mutex_);
      if (--running_ == 0) done_.notify_all();
    });
  }

  const test::Bundle& bundle_;
  const uint64_t devices_;
  std::unique_ptr<test::kg::Keyguard::Stub> stub_;
  size_t batch_ = 0;
  std::mutex mutex_;
  std::condition_variable done_;
  uint64_t next_ = 0, signed_ = 0;
  int running_ = 0;
  std::string failure_;
};

double MeasureKeyguard(uint64_t devices, size_t batch, int in_flight) {
  const auto estate = test::Estate::Copy();
  const auto keyguard = test::Keyguard::Start(*estate);
  test::Bundle bundle = estate->MakeBundle(1, devices);
  bundle.direction.counter_last = bundle.direction.counter_first + 4 * devices;
  bundle.direction.limits.rate_per_second = 1'000'000;
  estate->Reapprove(bundle);
  const Status opened = keyguard->Open(bundle);
  if (!opened.ok()) test::Fatal("Open", opened);
  return SignLoad(*estate, bundle, devices).Run(batch, in_flight);
}

void Section(const std::string& title) {
  fmt::print("\n{}\n", title);
}
void Row(const std::string& what, double value, const std::string& unit) {
  fmt::print("  {:<58}{:>10.0f} {}\n", what, value, unit);
}

void Signing(const std::string& folder, uint64_t devices) {
  Section("Signing: PKCS#11 C_Sign against Keyguard.Sign over mutual TLS (durable before release)");
  // The harness finds programs and estate as CTest lays them out.
  std::filesystem::create_directories(folder + "/tests");
  std::filesystem::create_directory_symlink(sim::OwnFolder(), folder + "/bin");
  setenv("SMKI_BUILD", folder.c_str(), 1);
  Generate(folder + "/tests/estate", 16);
  std::vector<double> raw, guarded;
  RawSign detail;
  for (int round = 0; round < 3; ++round) {  // interleaved: both sides see the same machine
    detail = SMKI_MUST(MeasureRawSign(fmt::format("{}/raw{}", folder, round), 1.5));
    raw.push_back(detail.Best());
    guarded.push_back(MeasureKeyguard(devices, 512, 4));
  }
  std::sort(raw.begin(), raw.end());
  std::sort(guarded.begin(), guarded.end());
  Row("C_Sign, token key, one thread", detail.token_key_one_thread, "signatures/s");
  Row("C_Sign, session copy, one thread", detail.session_copy_one_thread, "signatures/s");
  Row("C_Sign, session copies, two threads", detail.session_copy_two_threads, "signatures/s");
  Row("C_Sign, best kind (median of 3)", raw[1], "signatures/s");
  Row(fmt::format("Keyguard.Sign, {} Devices, batches of 512 (median of 3)", devices), guarded[1], "signatures/s");
  fmt::print("  {:<58}{:>10.2f}\n", "ratio", guarded[1] / raw[1]);
}

void Rebuilding(const std::string& folder, uint64_t devices) {
  Section("Repository rebuild: FULL and seven deltas, every signature checked");
  const std::string estate = Generate(folder + "/large", devices);
  const auto root = [&](const char* name) {
    return pki::AnchorOf(SMKI_MUST(
        pki::Certificate::FromPem(ToString(SMKI_MUST(PosixFiles().Read(estate + "/authority/" + name, 1 << 16))))));
  };
  const pki::TrustAnchor organisation = root("root-oca.pem");
  const pki::TrustAnchor device = root("root-dca.pem");
  repository::RebuildOptions options{
      estate + "/repository/extracts", folder + "/repository.store", "", organisation, device, {}};
  const auto start = SystemClock().SinceBoot();
  const repository::RebuildReport report = SMKI_MUST(repository::Rebuild(options));
  const double rate = static_cast<double>(report.summary.certificates) / SecondsSince(start);

  pki::PrivateKey key = SMKI_MUST(pki::PrivateKey::Generate());
  const Digest digest = pki::Sha256(std::string_view("limit"));
  const pki::RawSignature signature = SMKI_MUST(key.SignDigest(digest));
  const auto limit_start = SystemClock().SinceBoot();
  uint64_t verified = 0;
  while (SecondsSince(limit_start) < 1.0) {
    for (int i = 0; i < 100; ++i) SMKI_CHECK(key.public_key().VerifyDigest(digest, signature));
    verified += 100;
  }
  const double limit = static_cast<double>(verified) / SecondsSince(limit_start);
  Row("certificates rebuilt", static_cast<double>(report.summary.certificates), "certificates");
  Row("rebuild", rate, "certificates/s");
  Row("P-256 verification, loaded key, one thread (the limit)", limit, "verifications/s");
  fmt::print("  {:<58}{:>10.2f}\n", "ratio", rate / limit);
}

void Verifying() {
  Section("Verifying one issuer's signatures: each by itself, and many at once");
  MeasureVerifyRate(0.25, 7);
}

void Drill(const std::string& folder, uint64_t devices) {
  Section("The drill, end to end");
  const auto exit =
      SMKI_MUST(sim::RunProcess({sim::OwnFolder() + "/smki-sim", "drill", "--out", folder + "/drill", "--devices",
                                 std::to_string(devices), "--runbooks", "runbooks", "--output", "json"}));
  const nlohmann::json result = nlohmann::json::parse(exit.out, nullptr, false);
  if (exit.code != 0 || result.is_discarded())
    test::Fatal("drill", Internal("exit {}: {}{}", exit.code, exit.out, exit.err));
  double total = 0;
  double campaign = 0;
  for (const auto& phase : result["phases"]) {
    const double seconds = phase["seconds"];
    total += seconds;
    if (phase["name"] == "canary" || phase["name"] == "campaign") campaign += seconds;
    fmt::print("  {:<58}{:>10.2f} s\n", std::string(phase["name"]), seconds);
  }
  fmt::print("  {:<58}{:>10.2f} s\n", "all", total);
  const double recovered = result["devices"]["recovered"];
  Row("Devices recovered", recovered, "Devices");
  if (campaign > 0) Row("Devices, canary and campaign phases", recovered / campaign, "Devices/s");
}

}  // namespace
}  // namespace smki::bench

int main(int argc, char** argv) {
  CLI::App app("Measures, as ratios, in one run");
  uint64_t sign_devices = 40'000;
  uint64_t drill_devices = 5'000;
  uint64_t store_devices = 20'000;
  app.add_option("--sign-devices", sign_devices, "Devices signed for in each round");
  app.add_option("--drill-devices", drill_devices, "Devices of the drill");
  app.add_option("--store-devices", store_devices, "Devices whose certificates are rebuilt");
  std::string only;
  app.add_option("--only", only, "Measure this part alone")->check(CLI::IsMember({"verify"}));
  CLI11_PARSE(app, argc, argv);
  if (only == "verify") {
    smki::bench::Verifying();
    return 0;
  }
  std::string folder = (std::filesystem::temp_directory_path() / "smki-bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  fmt::print("smki-bench: one run, one machine; compare the ratios, not the figures\n");
  smki::bench::Signing(folder, sign_devices);
  smki::bench::Drill(folder, drill_devices);
  smki::bench::Verifying();
  smki::bench::Rebuilding(folder, store_devices);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return 0;
}
