#include "tests/powercut/reconcile.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/file.h"
#include "hsm/signer/frames.h"
#include "ledger/campaign_records.h"
#include "ledger/journal_records.h"
#include "ledger/ledger.h"
#include "ledger/record_log.h"
#include "pki/digest.h"

namespace smki::test {
namespace {

using Attempt = std::pair<Eui64, uint32_t>;

std::string NameOf(const Attempt& attempt) {
  return attempt.first.ToString() + " attempt " + std::to_string(attempt.second);
}

class Reconciler {
 public:
  explicit Reconciler(const sim::Rehearsal& rehearsal) : rehearsal_(rehearsal) {}

  std::vector<std::string> Run() {
    ReadTaps();
    ReadLedger();
    ReadJournal();
    ReadCampaign();
    CompareGiven();
    CompareAcknowledged();
    return std::move(wrong_);
  }

 private:
  template <typename... Args>
  void Wrong(fmt::format_string<Args...> format, Args&&... args) {
    wrong_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void Expect(const Status& status) {
    if (!status.ok()) Wrong("{}", Message(status));
  }

  // Everything a signer ever gave away: for one attempt there is one byte string (I2).
  void ReadTaps() {
    for (const auto& file : std::filesystem::directory_iterator(rehearsal_.Path(".powercut"))) {
      if (file.path().filename().string().rfind("tap-", 0) != 0) continue;
      const auto octets = PosixFiles().Read(file.path().string(), size_t{1} << 30);
      if (!octets.ok()) return Expect(octets.status());
      hsm::FrameReader reader;
      const std::span<uint8_t> room = reader.Room(octets->size());
      std::copy(octets->begin(), octets->end(), room.begin());
      reader.Filled(octets->size());
      while (true) {
        auto frame = reader.Next();
        if (!frame.ok()) return Expect(frame.status());
        if (!*frame) break;
        if ((*frame)->type != hsm::FrameType::kOk) continue;
        const auto answer = hsm::DecodePayload<hsm::SignedFrame>((*frame)->payload);
        if (answer.ok()) TakeAnswer(*answer);
      }
    }
    if (given_.empty()) Wrong("no signature was ever given away");
  }
  void TakeAnswer(const hsm::SignedFrame& answer) {
    for (const hsm::SignedItem& item : answer.items) {
      if (item.command.empty()) continue;
      const Attempt attempt{item.device, item.attempt};
      const auto [known, first] = given_.emplace(attempt, item.command);
      if (!first && known->second != item.command) Wrong("{} has two byte strings", NameOf(attempt));
    }
  }

  void ReadLedger() {
    Expect(ledger::VisitLedger(rehearsal_.EvidenceFolder() + "/ledger.sqlite", [&](const ledger::Entry& entry) {
      entries_.push_back(entry);
      return OkStatus();
    }));
  }

  // Each burn quotes the intent it was made for; each attempt was burned once and has one signature.
  void ReadJournal() {
    std::map<uint64_t, ledger::JournalBurn> burns;
    const auto visit = [&](const ledger::Record& record) -> Status {
      switch (static_cast<ledger::JournalType>(record.type)) {
        case ledger::JournalType::kAttendance: {
          SMKI_ASSIGN_OR_RETURN(const auto attendance, ledger::DecodeJournalAttendance(record.payload));
          ++attendances_[attendance.person];
          return OkStatus();
        }
        case ledger::JournalType::kBurn: {
          SMKI_ASSIGN_OR_RETURN(auto burn, ledger::DecodeJournalBurn(record.payload));
          const bool intended = burn.ledger_sequence < entries_.size() &&
                                entries_[burn.ledger_sequence].kind == "campaign.intent" &&
                                entries_[burn.ledger_sequence].hash == burn.ledger_head;
          if (!intended) Wrong("journal record {}: the ledger has no such intent", record.number);
          for (const ledger::JournalBurnItem& item : burn.items) {
            if (!counters_.emplace(Attempt{item.device, item.attempt}, item.counter).second)
              Wrong("{} was burned twice", NameOf({item.device, item.attempt}));
          }
          burns.emplace(record.number, std::move(burn));
          return OkStatus();
        }
        case ledger::JournalType::kSignatures: {
          SMKI_ASSIGN_OR_RETURN(const auto made, ledger::DecodeJournalSignatures(record.payload));
          const auto burn = burns.find(made.burn);
          if (burn == burns.end() || burn->second.items.size() != made.signatures.size())
            return DataLoss("signatures without their burn");
          for (size_t i = 0; i < made.signatures.size(); ++i) {
            const Attempt attempt{burn->second.items[i].device, burn->second.items[i].attempt};
            if (!signatures_.emplace(attempt, made.signatures[i]).second) Wrong("{} was signed twice", NameOf(attempt));
          }
          return OkStatus();
        }
        default:
          return OkStatus();
      }
    };
    Expect(ledger::ReadRecordLog(PosixFiles(), rehearsal_.EvidenceFolder() + "/keyguard/journal.log",
                                 ledger::kJournalKind, visit)
               .status());
  }

  // What the campaign was given is what the journal says was made.
  void ReadCampaign() {
    const auto visit = [&](const ledger::Record& record) -> Status {
      if (static_cast<ledger::CampaignType>(record.type) != ledger::CampaignType::kSigned) return OkStatus();
      SMKI_ASSIGN_OR_RETURN(const auto batch, ledger::DecodeCampaignSigned(record.payload));
      for (const ledger::CampaignSignedItem& item : batch.items) {
        const Attempt attempt{item.device, item.attempt};
        const auto counter = counters_.find(attempt);
        if (counter == counters_.end() || counter->second != item.counter)
          Wrong("the campaign has {} with counter {}; the journal does not", NameOf(attempt), item.counter);
        const auto given = given_.find(attempt);
        if (given == given_.end() || pki::Sha256(given->second) != item.command)
          Wrong("the campaign's command of {} is not the one that was given away", NameOf(attempt));
      }
      return OkStatus();
    };
    Expect(ledger::ReadRecordLog(PosixFiles(), rehearsal_.EvidenceFolder() + "/campaign/campaign.log",
                                 ledger::kCampaignKind, visit)
               .status());
  }

  // What left the signer is in its journal.
  void CompareGiven() {
    for (const auto& [attempt, command] : given_) {
      const auto made = signatures_.find(attempt);
      if (made == signatures_.end()) {
        Wrong("{} was given away; its signature is not in the journal", NameOf(attempt));
      } else if (command.size() < made->second.size() ||
                 !std::equal(made->second.begin(), made->second.end(),
                             command.end() - static_cast<std::ptrdiff_t>(made->second.size()))) {
        Wrong("{} was given away with another signature than the journal's", NameOf(attempt));
      }
    }
  }

  // Whatever a person was told was done is there, and was done once.
  void CompareAcknowledged() {
    std::map<std::string, uint64_t> presented;
    std::set<std::string> done;
    for (const sim::Acknowledged& act : rehearsal_.acknowledged()) {
      std::string words = act.person;
      for (const std::string& word : act.arguments) words += " " + word;
      if (act.arguments[0] == "ceremony") {
        ++presented[act.person];
        continue;
      }
      if (act.arguments[1] == "start") continue;  // may be needed again after a failure
      if (!done.insert(words).second) Wrong("acknowledged, then lost, then done again: {}", words);
      const auto text = std::find(act.arguments.begin(), act.arguments.end(), "--text");
      const std::string& last = text == act.arguments.end() ? act.arguments.back() : *std::next(text);
      const bool kept = std::any_of(entries_.begin(), entries_.end(), [&](const ledger::Entry& entry) {
        return entry.person == act.person &&
               (act.arguments[0] == "direction" ? entry.kind == "incident.approval-recorded"
                                                : AsText(entry.payload).find(last) != std::string_view::npos);
      });
      if (!kept) Wrong("acknowledged, but not in the ledger: {}", words);
    }
    for (const auto& [person, count] : presented) {
      if (attendances_[person] < count)
        Wrong("{} was told {} times that the share counts; the journal has {}", person, count, attendances_[person]);
    }
  }

  const sim::Rehearsal& rehearsal_;
  std::vector<std::string> wrong_;
  std::map<Attempt, Bytes> given_;
  std::map<Attempt, uint64_t> counters_;
  std::map<Attempt, std::array<uint8_t, 64>> signatures_;
  std::map<std::string, uint64_t> attendances_;
  std::vector<ledger::Entry> entries_;
};

}  // namespace

std::vector<std::string> Reconcile(const sim::Rehearsal& rehearsal) {
  return Reconciler(rehearsal).Run();
}

Points ReadPoints(const std::string& estate) {
  Points out;
  std::ifstream in(estate + "/.powercut/points");
  std::map<std::string, Point> newest;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> parts;
    std::istringstream words(line);
    for (std::string word; std::getline(words, word, '\t');) parts.push_back(word);
    if (parts.size() == 3 && parts[1] == "cut") {
      const Point& at = newest[parts[0]];
      out.cuts.push_back(fmt::format("{} {} {} ({})", at.program, at.operation, at.path, parts[2]));
    } else if (parts.size() == 3 && parts[1] == "failed") {
      out.failures.push_back(parts[0] + " " + parts[2]);
    } else if (parts.size() == 3 && parts[1] == "sent-unsynced") {
      out.sent_unsynced.push_back(parts[0] + " " + parts[2]);
    } else if (parts.size() >= 5) {
      Point point{parts[0], parts[2], parts[3], parts[4], parts.size() > 5 ? parts[5] : "", std::stoull(parts[1])};
      newest[point.program] = point;
      out.all.push_back(std::move(point));
    }
  }
  return out;
}

}  // namespace smki::test
