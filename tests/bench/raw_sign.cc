#include "tests/bench/raw_sign.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "hsm/pkcs11/module.h"

namespace smki::bench {
namespace {

constexpr char kModule[] = "/usr/lib/softhsm/libsofthsm2.so";

double SecondsSince(std::chrono::nanoseconds start) {
  return std::chrono::duration<double>(SystemClock().SinceBoot() - start).count();
}

Secret RandomPin() {
  const Bytes raw = SystemRandom().Take(16);
  const std::string text = ToHex(raw);
  return Secret(ToBytes(AsBytes(text)));
}

// Signs on `sessions` at once, one thread each, for `seconds`.
double Measure(std::vector<std::pair<hsm::pkcs11::Session*, hsm::pkcs11::Object>> sessions, double seconds) {
  std::atomic<uint64_t> total{0};
  const auto start = SystemClock().SinceBoot();
  std::vector<std::thread> threads;
  for (const auto& entry : sessions) {
    threads.emplace_back([&total, entry, start, seconds] {
      Digest digest{};
      uint64_t made = 0;
      while (SecondsSince(start) < seconds) {
        for (int i = 0; i < 64; ++i) {
          digest[0] = static_cast<uint8_t>(made);
          digest[1] = static_cast<uint8_t>(made >> 8);
          SMKI_CHECK(entry.first->Sign(entry.second, digest).ok());
          ++made;
        }
      }
      total += made;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(total) / SecondsSince(start);
}

}  // namespace

StatusOr<RawSign> MeasureRawSign(const std::string& folder, double seconds) {
  std::filesystem::create_directories(folder + "/tokens");
  const std::string config = folder + "/softhsm2.conf";
  std::ofstream(config) << hsm::pkcs11::SoftHsmConfig(std::filesystem::absolute(folder + "/tokens"));
  SMKI_ASSIGN_OR_RETURN(const auto module, hsm::pkcs11::Module::Load(kModule, config));
  const Secret so_pin = RandomPin();
  const Secret pin = RandomPin();
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Slot slot, module->InitToken("bench", so_pin));
  {
    SMKI_ASSIGN_OR_RETURN(const auto officer, slot.OpenSession(hsm::pkcs11::Access::kReadWrite));
    SMKI_RETURN_IF_ERROR(officer->LoginSecurityOfficer(so_pin));
    SMKI_RETURN_IF_ERROR(officer->InitPin(pin));
    SMKI_RETURN_IF_ERROR(officer->Logout());
  }
  SMKI_ASSIGN_OR_RETURN(const auto first, slot.OpenSession(hsm::pkcs11::Access::kReadWrite));
  SMKI_RETURN_IF_ERROR(first->Login(pin));
  SMKI_RETURN_IF_ERROR(first->GenerateKeyPair("bench").status());
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Object key, first->FindPrivateKey("bench"));
  SMKI_ASSIGN_OR_RETURN(const auto second, slot.OpenSession(hsm::pkcs11::Access::kReadWrite));
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Object first_copy, first->CopyToSession(key));
  SMKI_ASSIGN_OR_RETURN(const hsm::pkcs11::Object second_copy, second->CopyToSession(key));
  RawSign out;
  out.token_key_one_thread = Measure({{first.get(), key}}, seconds);
  out.session_copy_one_thread = Measure({{first.get(), first_copy}}, seconds);
  out.session_copy_two_threads = Measure({{first.get(), first_copy}, {second.get(), second_copy}}, seconds);
  return out;
}

}  // namespace smki::bench
