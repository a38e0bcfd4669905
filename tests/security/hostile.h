// A taken orchestrator host: its transport identity, its ledger, every file that passes through it, and the keyguard at
// the other end of the wire. And the judge of what comes out, who reads journal and commands by other means than the
// signer made them with.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "gbcs/credentials.h"
#include "ledger/journal_records.h"
#include "tests/harness/keyguard.h"

namespace smki::test {

// Reads what a keyguard released and what its journal says, and tells what no Direction covers.
class Judge {
 public:
  Judge(Estate& estate) : estate_(estate) {}
  // The PMA has really directed this.
  void Directed(const Bundle& bundle);
  // Adds a test failure for every signature outside the Directions, and for every change of what the journal said
  // before.
  void ExpectOnlyDirected(Keyguard& keyguard);

  uint64_t signatures() const { return signatures_; }

 private:
  struct Given {
    std::string group;
    Eui64 device;
    uint32_t attempt = 0;
  };
  struct Known {
    Bundle bundle;
    std::map<std::string, procedures::Population> populations;
    std::map<uint64_t, Given> counters;
    std::map<std::pair<uint64_t, uint32_t>, uint64_t> attempts;  // (Device, attempt) -> counter
    std::map<uint64_t, pki::RawSignature> signatures;            // by counter
  };
  struct Burn {
    Known* known;
    ledger::JournalBurn record;
  };

  void ReadJournal(const Bytes& journal);
  void ReadRecord(uint64_t number, uint8_t type, ByteSpan payload);
  void ReadBurn(uint64_t number, const ledger::JournalBurn& burn);
  void ReadSignatures(const ledger::JournalSignatures& signatures);
  void ReadCommand(const kg::SignedCommand& command);
  pki::Certificate CertificateOf(const Bundle& bundle, const Digest& digest) const;
  // The payload of a group's command, as the Direction says it.
  gbcs::CommandPayload Meant(const Bundle& bundle, const std::string& group, uint64_t counter) const;

  Estate& estate_;
  std::map<Digest, Known> directed_;
  std::map<uint64_t, Burn> burns_;  // by record
  Bytes journal_;
  uint64_t records_ = 0;
  size_t commands_ = 0;  // of Keyguard::released() read so far
  uint64_t signatures_ = 0;
};

class TakenOrchestrator {
 public:
  TakenOrchestrator();

  Estate& estate() { return *estate_; }
  Keyguard& keyguard() { return *keyguard_; }
  Judge& judge() { return judge_; }
  // The Direction of this incident: approved, its key open unless an attack closed it.
  const Bundle& honest() const { return honest_; }
  // Another Direction in order in every respect, not yet handed over.
  Bundle MakeBundle(uint64_t devices = 4) { return estate_->MakeBundle(++serial_, devices); }
  // Closes what is open and opens the key for this, which is directed.
  void OpenInstead(const Bundle& bundle);
  // Opens the key for the honest Direction, if it is not open.
  void EnsureOpen();
  // The next Device of the honest Direction that nothing was signed for.
  Eui64 NextDevice() { return TestDevice(0, next_device_++); }
  // Nothing but directed signatures exist, and an honest request is served.
  void ExpectUnharmed();
  uint64_t LogLines(const std::string& text);  // of the keyguard's log that contain it
  // Asks the keyguard for its status until its log has more than `count` of them, or for a while.
  bool LogGrows(const std::string& text, uint64_t count);

 private:
  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  Judge judge_;
  Bundle honest_;
  int serial_ = 1;
  uint64_t next_device_ = 0;
};

// One thing that a taken orchestrator tries.
struct Attack {
  std::string name;
  // The refusal it must meet; empty: none, since it gets only what it might have asked for.
  std::string code;
  // A part of what the refusal says, so that nothing is refused for another reason than its own.
  std::string says;
  std::function<Status(TakenOrchestrator&)> attempt;
  // What the keyguard's log says of it, where no refusal can be recorded.
  std::string logged = {};
};
inline std::ostream& operator<<(std::ostream& out, const Attack& attack) {
  return out << attack.name;
}

// Every test of a suite attacks the same keyguard, one after the other: what one attack spoilt, the next would show.
class Attacks : public ::testing::TestWithParam<Attack> {
 protected:
  static void SetUpTestSuite() { host_ = std::make_unique<TakenOrchestrator>(); }
  static void TearDownTestSuite() { host_.reset(); }
  static TakenOrchestrator& host() { return *host_; }

  // Refused for its own reason, recorded, nothing signed beyond the Direction, and the keyguard still serves.
  void ExpectRepelled(const Attack& attack);

 private:
  static std::unique_ptr<TakenOrchestrator> host_;
};

// The test names of a table of attacks.
inline std::string NameOf(const ::testing::TestParamInfo<Attack>& info) {
  return info.param.name;
}

}  // namespace smki::test
