// An honest history of one small incident, made by the real signer (tests/unit/hsm/test_estate.h), as the world would
// tell it to Checks; and what it takes to bend one thing in it and tell it again.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/campaign_records.h"
#include "ledger/journal_records.h"
#include "smki/estate/v1/estate.pb.h"
#include "smki/keyguard/v1/keyguard.pb.h"
#include "smki/ledger/v1/ledger.pb.h"
#include "smki/recovery/v1/recovery.pb.h"
#include "tests/simulation/check/checks.h"
#include "tests/simulation/check/ledger_reader.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::simulation::test {

enum class Kind {
  kSigned,
  kPresented,
  kLogin,
  kTokenSign,
  kRequest,
  kAnswer,
  kRefusal,
  kKeyguardDied,
  kSignerDied,
  kDeviceCommand,
  kDeviceResponse,
  kView,
  kDeliver,
};
struct Event {
  Kind kind{};
  UtcTime now, true_time;
  std::string who, method;
  std::vector<std::string> messages;  // or document, request, octets
  Eui64 device;
  Digest digest{};
  bool in = false;
  // How many records are durable then.
  size_t journal = 0, campaign = 0;
  std::string checkpoint;  // file

  template <typename T>
  T Read(size_t i = 0) const {
    T out;
    out.ParseFromString(messages.at(i));
    return out;
  }
  template <typename T>
  void Change(const std::function<void(T&)>& change, size_t i = 0) {
    T all = Read<T>(i);
    change(all);
    messages.at(i) = all.SerializeAsString();
  }
};
using Record = std::pair<uint8_t, Bytes>;

Bytes LogFile(const std::string& kind, const std::vector<Record>& records, size_t count = SIZE_MAX);
Digest LogHead(const std::string& kind, const std::vector<Record>& records, size_t count);

struct History {
  hsm::test::TestEstate* estate = nullptr;
  Checks::World world;
  std::vector<Event> events;
  std::vector<Record> journal, campaign;
  std::vector<LedgerEntry> ledger;
  Checks::End end;                        // device cells; files are made when told
  std::map<std::string, Bytes> evidence;  // files
  bool with_end = true;
  bool no_journal_file = false, no_ledger_file = false;
  bool torn_end = false;  // half a record at the end of the journal

  // The n-th event of this kind (and method, and of this person or caller).
  size_t Index(Kind kind, const std::string& method = "", size_t n = 0) const;
  Event& At(Kind kind, const std::string& method = "", size_t n = 0) { return events[Index(kind, method, n)]; }
  // Index of the n-th journal record of a type.
  size_t Journal(uint8_t type, size_t n = 0) const;
  template <typename T>
  void ChangeJournal(uint8_t type, StatusOr<T> (*decode)(ByteSpan), const std::function<void(T&)>& change,
                     size_t n = 0) {
    Bytes& payload = journal[Journal(type, n)].second;
    T record = *decode(payload);
    change(record);
    payload = ledger::Encode(record);
  }
  // Puts a record in before `at`: what came later comes one later.
  void InsertJournal(size_t at, uint8_t type, Bytes payload);
  void EraseJournal(size_t at);
  void Erase(Kind kind, const std::string& method = "", size_t n = 0);
  // Tells the event twice.
  void Again(Kind kind, const std::string& method = "", size_t n = 0);
  void EraseEntry(size_t at);
  size_t Entry(const std::string& kind, size_t n = 0) const;
  template <typename T>
  void ChangeEntry(const std::string& kind, const std::function<void(T&)>& change, size_t n = 0) {
    LedgerEntry& entry = ledger[Entry(kind, n)];
    T payload;
    payload.ParseFromString(entry.payload);
    change(payload);
    entry.payload = payload.SerializeAsString();
    Rechain();
  }
  void Rechain();
  // An order of the PMA, really signed, as the journal would have it.
  ledger::JournalOrder Order(const std::string& order, const std::string& person, bool really_signed = true);
};

const History& Honest();
// The same with a crash, a halt and its resumption; it has no end.
const History& Troubled();
// The same after a change of custody; it has no end either.
const History& Refreshed();
std::vector<Violation> Tell(const History& history);

}  // namespace smki::simulation::test
