// Each case bends one thing in an honest history; one check says so, in words that only this check uses.
#include <algorithm>

#include "base/wire.h"
#include "gbcs/credentials.h"
#include "gbcs/message.h"
#include "ledger/checkpoint.h"
#include "pki/digest.h"
#include "tests/simulation/check/population_reader.h"
#include "tests/simulation/check/test_history.h"

namespace smki::simulation::test {
namespace {

namespace kg = keyguard::v1;
namespace lg = ledger::v1;
using hsm::test::Must;
using recovery::v1::IncidentView;

constexpr uint8_t kAdmitted = 1, kAttendance = 2, kOpened = 3, kBurn = 4, kSignatures = 5, kProven = 6, kClosed = 7,
                  kOrder = 9, kCustody = 10;
constexpr Millis kHour = std::chrono::hours(1);

struct Bend {
  const char* name;
  const char* invariant;
  const char* words;
  void (*bend)(History&);
};
std::ostream& operator<<(std::ostream& out, const Bend& bend) {
  return out << bend.name;
}

// --- what bends have in common ---

void Burn(History& h, const std::function<void(ledger::JournalBurn&)>& change) {
  h.ChangeJournal<ledger::JournalBurn>(kBurn, &ledger::DecodeJournalBurn, change);
}
void Opened(History& h, const std::function<void(ledger::JournalOpened&)>& change) {
  h.ChangeJournal<ledger::JournalOpened>(kOpened, &ledger::DecodeJournalOpened, change);
}
void Admitted(History& h, const std::function<void(ledger::JournalDirection&)>& change) {
  h.ChangeJournal<ledger::JournalDirection>(kAdmitted, &ledger::DecodeJournalDirection, change);
}
void Signatures(History& h, const std::function<void(ledger::JournalSignatures&)>& change) {
  h.ChangeJournal<ledger::JournalSignatures>(kSignatures, &ledger::DecodeJournalSignatures, change);
}
void Twice(History& h, uint8_t type) {
  const size_t at = h.Journal(type);
  h.InsertJournal(at, type, h.journal[at].second);
}
// An order in the journal before the first record of a type.
void OrderBefore(History& h, uint8_t type, const std::string& order, const std::string& person) {
  const ledger::JournalOrder record = h.Order(order, person);
  h.InsertJournal(h.Journal(type), kOrder, Encode(record));
}
ledger::JournalOrder BentOrder(History& h, const std::string& from, const std::string& to) {
  ledger::JournalOrder record = h.Order("resume", "anna.pma", false);
  std::string text = ToString(record.document);
  text.replace(text.find(from), from.size(), to);
  record.document = ToBytes(AsBytes(text));
  return record;
}
void CloseBefore(History& h, uint8_t type) {
  h.InsertJournal(h.Journal(type), kClosed,
                  Encode(ledger::JournalClosed{h.events[0].now, h.estate->DirectionDigest(), ""}));
}

void Ceremony(History& h, const std::function<void(kg::Ceremony&)>& change) {
  h.At(Kind::kAnswer, "Prepare").Change<kg::PrepareResponse>([&](auto& answer) { change(*answer.mutable_ceremony()); });
}
void RequestText(History& h, const std::string& from, const std::string& to) {
  Ceremony(h, [&](kg::Ceremony& ceremony) {
    std::string& text = *ceremony.mutable_request();
    text.replace(text.find(from), from.size(), to);
  });
}
// The ceremony's request is this text everywhere.
void RequestEverywhere(History& h, const std::string& text) {
  for (Event& event : h.events) {
    if (event.kind == Kind::kPresented) event.messages[0] = text;
    if (event.kind == Kind::kAnswer && event.method == "PresentShare") {
      event.Change<kg::PresentShareResponse>([&](auto& answer) { answer.mutable_ceremony()->set_request(text); });
    }
  }
  Ceremony(h, [&](kg::Ceremony& ceremony) { ceremony.set_request(text); });
  for (size_t i = 0; i < 3; ++i) {
    h.ChangeJournal<ledger::JournalAttendance>(
        kAttendance, &ledger::DecodeJournalAttendance, [&](auto& record) { record.request = pki::Sha256(text); }, i);
  }
}
void State(History& h, const std::function<void(kg::Status&)>& change) {
  h.At(Kind::kAnswer, "GetStatus").Change<kg::Status>(change);
}
void Shown(History& h, const std::function<void(kg::PresentShareRequest&)>& change) {
  h.At(Kind::kRequest, "PresentShare").Change<kg::PresentShareRequest>(change);
}
void ShownText(History& h, const std::string& from, const std::string& to) {
  Shown(h, [&](auto& request) {
    std::string& text = *request.mutable_presentation();
    text.replace(text.find(from), from.size(), to);
  });
}
void ShownAt(History& h, Millis later) {
  h.At(Kind::kRequest, "PresentShare").now = h.At(Kind::kRequest, "PresentShare").now + later;
  h.At(Kind::kAnswer, "PresentShare").now = h.At(Kind::kAnswer, "PresentShare").now + later;
}
Digest DigestOf(const kg::PresentShareRequest& request) {
  return pki::Sha256(request.presentation());
}

void Released(History& h, const std::function<void(kg::SignResponse&)>& change) {
  h.At(Kind::kAnswer, "Sign").Change<kg::SignResponse>(change);
}
// The first released command, read, bent, and signed by the token's own key.
void BendCommand(History& h, const std::function<void(gbcs::Message&, gbcs::CommandPayload&)>& bend,
                 bool encode = true) {
  Released(h, [&](kg::SignResponse& response) {
    gbcs::Message message = Must(gbcs::ParseMessage(AsBytes(response.commands(0).command())));
    gbcs::CommandPayload payload = Must(gbcs::ParseCommandPayload(message.payload));
    bend(message, payload);
    if (encode) message.payload = gbcs::EncodeCommandPayload(payload);
    if (message.signature) message.signature = Must(h.estate->token("recovery").key.Sign(gbcs::SignedOctets(message)));
    response.mutable_commands(0)->set_command(ToString(gbcs::EncodeMessage(message)));
  });
}

void AddCall(History& h, const std::string& who, const std::string& method, const std::string& request,
             const std::string& answer, size_t at) {
  Event event = h.events[at];
  event.kind = Kind::kRequest;
  event.who = who;
  event.method = method;
  event.messages = {request};
  h.events.insert(h.events.begin() + static_cast<std::ptrdiff_t>(at), event);
  event.kind = Kind::kAnswer;
  event.messages = {answer};
  h.events.insert(h.events.begin() + static_cast<std::ptrdiff_t>(at) + 1, event);
}
// A member halts while the key is open. The journal has it unless it is not `durable`.
void Halt(History& h, bool really_signed, bool durable, const std::string& text = "") {
  const ledger::JournalOrder order = h.Order("halt", "anna.pma", really_signed);
  const size_t at = h.Index(Kind::kRequest, "Close");
  kg::OrderRequest request;
  request.set_order(text.empty() ? ToString(order.document) : text);
  kg::OrderResponse response;
  *response.mutable_status() = h.At(Kind::kAnswer, "GetStatus").Read<kg::Status>();
  AddCall(h, "anna.pma", "Order", request.SerializeAsString(), response.SerializeAsString(), at);
  if (!durable) return;
  h.InsertJournal(h.Journal(kClosed), kOrder, Encode(order));
  h.At(Kind::kAnswer, "Order").journal += 1;
  h.At(Kind::kRequest, "Close").journal += 1;
  h.At(Kind::kLogin, "recovery", 1).journal += 1;
}

void Checkpoint(History& h, const std::function<void(std::string&)>& change, const std::string& line = "") {
  h.At(Kind::kRequest, "Countersign").Change<kg::CountersignRequest>([&](auto& request) {
    change(*request.mutable_checkpoint());
  });
  if (line.empty()) return;
  h.At(Kind::kAnswer, "Countersign").Change<kg::CountersignResponse>([&](auto& answer) {
    answer.set_signature_line(line);
  });
}

void View(History& h, size_t n, const std::function<void(IncidentView&)>& change) {
  h.At(Kind::kView, "", n).Change<IncidentView>(change);
}

template <typename T>
void Campaign(History& h, ledger::CampaignType type, StatusOr<T> (*decode)(ByteSpan),
              const std::function<void(T&)>& change) {
  for (auto& [number, payload] : h.campaign) {
    if (number != static_cast<uint8_t>(type)) continue;
    T record = *decode(payload);
    change(record);
    payload = Encode(record);
    return;
  }
}
void Answered(History& h, const std::function<void(ledger::CampaignResponse&)>& change) {
  Campaign<ledger::CampaignResponse>(h, ledger::CampaignType::kResponse, &ledger::DecodeCampaignResponse, change);
}

void ChangeStatement(History& h, const std::string& from, const std::string& to, size_t n = 1) {
  h.ChangeEntry<lg::SignedStatement>(
      "statement",
      [&](auto& statement) {
        std::string& text = *statement.mutable_document();
        text.replace(text.find(from), from.size(), to);
      },
      n);
}
void SetField(History& h, const std::string& kind, const std::string& key, const std::string& value, size_t n = 0) {
  h.ChangeEntry<lg::IncidentEvent>(
      kind,
      [&](auto& event) {
        for (auto& field : *event.mutable_fields()) {
          if (field.key() == key) field.set_value(value);
        }
      },
      n);
}

const std::vector<Bend> kBends = {
    // --- the whole ---
    {"PolicyUnreadable", "I10", "the trust policy cannot be read", [](History& h) { h.world.policy = "x\n"; h.events.clear(); h.with_end = false; }},
    {"JournalTornAtEnd", "I2", "ends in octets that are no record", [](History& h) { h.torn_end = true; }},
    {"JournalMissingAtEnd", "I2", "the signer's journal is gone", [](History& h) { h.no_journal_file = true; }},
    {"LedgerMissingAtEnd", "I3", "the ledger cannot be read", [](History& h) { h.no_ledger_file = true; }},

    // --- journal ---
    {"JournalGone", "I2", "records of it were durable", [](History& h) { h.At(Kind::kAnswer, "Sign").journal = SIZE_MAX; }},
    {"JournalRolledBack", "I2", "and are not any more", [](History& h) { h.At(Kind::kAnswer, "Close").journal = 2; }},
    {"JournalRecordUnreadable", "I3", "octets too many", [](History& h) { h.journal[h.Journal(kProven)].second.push_back(0); }},
    {"JournalTimeGoesBack", "I10", "is before the record before it", [](History& h) { Burn(h, [](auto& b) { b.time = b.time - kHour; }); }},
    {"NonceReplayed", "I1", "was used by another Direction", [](History& h) { Twice(h, kAdmitted); Admitted(h, [](auto& d) { d.digest[0] ^= 1; }); }},
    {"CountersOverlap", "I1", "overlap those of Direction", [](History& h) { Twice(h, kAdmitted); Admitted(h, [](auto& d) { d.digest[0] ^= 1; }); }},
    {"AdmittedByNobody", "I1", "which nobody handed over", [](History& h) { Admitted(h, [](auto& d) { d.digest[0] ^= 1; }); }},
    {"AdmittedQuotesOther", "I3", "which no Prepare of this Direction named", [](History& h) { Admitted(h, [](auto& d) { --d.ledger_sequence; }); }},
    {"AdmittedAsOther", "I1", "with another id, incident, environment", [](History& h) { Admitted(h, [](auto& d) { d.incident = "INC-2"; }); }},
    {"AttendanceTwice", "I4", "is counted twice in one ceremony", [](History& h) { Twice(h, kAttendance); }},
    {"AttendanceInvented", "I5", "is said to have shown a share", [](History& h) { h.Erase(Kind::kPresented, "liam.custodian"); }},
    {"EpochSkipped", "I3", "follows activation", [](History& h) { Opened(h, [](auto& o) { o.epoch = 5; }); }},
    {"OpenedWhileHalted", "I1", "the key was opened, but the Direction is halted", [](History& h) { OrderBefore(h, kOpened, "halt", "anna.pma"); }},
    {"OpenedWhileWithdrawn", "I1", "the key was opened, but the Direction is withdrawn", [](History& h) { OrderBefore(h, kOpened, "withdraw", "felix.pma"); }},
    {"CeremonyOpensTwice", "I5", "the shares of one ceremony opened the key twice", [](History& h) { Twice(h, kOpened); }},
    {"OpenedForUnknown", "I1", "the key was opened for Direction", [](History& h) { Opened(h, [](auto& o) { o.direction[0] ^= 1; }); }},
    {"OpenedByTwo", "I5", "the key was opened with the shares of 2 custodians", [](History& h) { h.EraseJournal(h.Journal(kAttendance)); }},
    {"BurnUnderUnknown", "I1", "attempts are spent under Direction", [](History& h) { Burn(h, [](auto& b) { b.direction[0] ^= 1; }); }},
    {"BurnWhileClosed", "I5", "attempts are spent while the key is closed", [](History& h) { CloseBefore(h, kBurn); }},
    {"BurnWhileHalted", "I1", "attempts are spent, but the Direction is halted", [](History& h) { OrderBefore(h, kBurn, "halt", "anna.pma"); }},
    {"ResumedByTwo", "I1", "attempts are spent, but the Direction is halted", [](History& h) {
       OrderBefore(h, kBurn, "halt", "anna.pma");
       OrderBefore(h, kBurn, "resume", "bruno.pma");
       OrderBefore(h, kBurn, "resume", "carla.pma");
       OrderBefore(h, kBurn, "resume", "greta.pma");  // of the organisation of bruno.pma
     }},
    {"BurnOfNothing", "I1", "a batch of 0", [](History& h) { Burn(h, [](auto& b) { b.items.clear(); }); }},
    {"BurnAfterValidity", "I1", "is valid from", [](History& h) { Burn(h, [](auto& b) { b.time = b.time + kHour * 24 * 30; }); }},
    {"BurnAfterEightHours", "I5", "with a key opened at", [](History& h) { Burn(h, [](auto& b) { b.time = b.time + kHour * 9; }); }},
    {"BurnOutsidePopulation", "I1", "is not in the directed group", [](History& h) { Burn(h, [](auto& b) { b.items[0].device = Eui64(7); }); }},
    {"BurnInOtherGroup", "I1", "is not in the directed group 'gpf'", [](History& h) { Burn(h, [](auto& b) { b.group = "gpf"; }); }},
    {"BurnCounterOutside", "I1", "is not directed", [](History& h) { Burn(h, [](auto& b) { b.items[0].counter = 5; }); }},
    {"BurnSkipsAttempt", "I1", "is spent after attempt 0", [](History& h) { Burn(h, [](auto& b) { b.items[0].attempt = 2; }); }},
    {"BurnBeyondTotal", "I1", "attempts are spent, 60 are directed", [](History& h) {
       Burn(h, [&](auto& b) {
         for (uint32_t i = 0; i < 60; ++i)
           b.items.push_back({h.estate->populations.at("esme").devices[i % 30], i / 30 + 1, 1'000'100 + i});
       });
     }},
    {"BurnBeyondOutstanding", "I1", "Devices are outstanding, 40 are directed", [](History& h) {
       ledger::JournalBurn other = *ledger::DecodeJournalBurn(h.journal[h.Journal(kBurn)].second);
       other.group = "gpf";
       other.items.clear();
       for (uint32_t i = 0; i < 30; ++i) other.items.push_back({h.estate->populations.at("gpf").devices[i], 1, 1'000'100 + i});
       Burn(h, [&](auto& b) {
         for (uint32_t i = 0; i < 11; ++i) b.items.push_back({h.estate->populations.at("esme").devices[i * 2 + 1], 1, 1'000'200 + i});
       });
       h.InsertJournal(h.Journal(kBurn), kBurn, Encode(other));
     }},
    {"BurnOfMissingCertificate", "I1", "what is directed cannot be written", [](History& h) {
       std::erase_if(h.At(Kind::kRequest, "Prepare").messages, [&](const std::string& octets) {
         kg::PrepareRequest part;
         part.ParseFromString(octets);
         return AsText(h.estate->certificates.at("supplier-ka").der()) == part.certificate();
       });
     }},
    {"CounterGivenTwice", "I1", "was given before", [](History& h) { Burn(h, [](auto& b) { b.items[1].counter = b.items[0].counter; }); }},
    {"BurnsTooFast", "I1", "3 a second are directed", [](History& h) {
       Burn(h, [&](auto& b) {
         for (uint32_t i = 0; i < 2; ++i) b.items.push_back({h.estate->populations.at("esme").devices[i * 2 + 1], 1, 1'000'200 + i});
       });
     }},
    {"SignaturesTooFew", "I2", "2 signatures for burn", [](History& h) { Signatures(h, [](auto& s) { s.signatures.pop_back(); }); }},
    {"SignedTwiceInJournal", "I2", "is signed a second time", [](History& h) { Twice(h, kSignatures); }},
    {"SignatureOverOther", "I1", "is not over the directed command", [](History& h) { Signatures(h, [](auto& s) { s.signatures[0][9] ^= 1; }); }},
    {"ProvenWithoutResponse", "I6", "is taken for proven, and never said so", [](History& h) { h.Erase(Kind::kDeviceResponse); }},
    {"OrderUnreadable", "I4", "it holds no order", [](History& h) { auto o = h.Order("resume", "anna.pma"); o.document = {1}; h.InsertJournal(h.Journal(kBurn), kOrder, Encode(o)); }},
    {"OrderNamedOther", "I4", "it names another order than the document", [](History& h) { auto o = h.Order("resume", "anna.pma"); o.order = "halt"; h.InsertJournal(h.Journal(kBurn), kOrder, Encode(o)); }},
    {"OrderOfOtherEstate", "I8", "the order is of drill/estate-8", [](History& h) { h.InsertJournal(h.Journal(kBurn), kOrder, Encode(BentOrder(h, "estate-7", "estate-8"))); }},
    {"OrderForged", "I4", "signed this order to halt as anna.pma", [](History& h) { h.InsertJournal(h.Journal(kBurn), kOrder, Encode(h.Order("halt", "anna.pma", false))); }},
    {"OrderWithoutSeat", "I4", "signed this order to halt as lena.lead", [](History& h) { OrderBefore(h, kBurn, "halt", "lena.lead"); }},

    // --- ceremony ---
    {"StatusQuotesUndurable", "I2", "quotes 99 journal records", [](History& h) { State(h, [](auto& s) { s.set_journal_records(99); }); }},
    {"StatusQuotesOtherHead", "I3", "quotes another head of the journal", [](History& h) { State(h, [](auto& s) { s.set_journal_head(std::string(32, 'x')); }); }},
    {"RequestNotSigned", "I5", "the request is not signed by the keyguard", [](History& h) { Ceremony(h, [](auto& c) { c.set_signature("x"); }); }},
    {"RequestOfOtherEstate", "I8", "is of drill/estate-8", [](History& h) { RequestText(h, "estate-7", "estate-8"); }},
    {"RequestOfOtherPolicy", "I1", "names a trust policy that is not in force", [](History& h) { RequestText(h, ToHex(pki::Sha256(h.world.policy)), std::string(64, 'a')); }},
    {"RequestOfLowThreshold", "I5", "asks for 2 shares", [](History& h) { RequestText(h, "threshold: 3", "threshold: 2"); }},
    {"RequestOfOtherDirection", "I1", "is for Direction aaaa", [](History& h) { RequestText(h, ToHex(h.estate->DirectionDigest()), std::string(64, 'a')); }},
    {"RequestShowsOther", "I1", "shows the custodians something else", [](History& h) { RequestText(h, "total: 60", "total: 61"); }},
    {"RequestUnreadable", "I5", "a ceremony request that cannot be read", [](History& h) { Ceremony(h, [](auto& c) { c.set_request("x"); }); }},
    {"CeremonyCountsTwice", "I4", "counts the share of kira.custodian twice", [](History& h) { h.At(Kind::kAnswer, "PresentShare").Change<kg::PresentShareResponse>([](auto& a) { a.mutable_ceremony()->add_presented("kira.custodian"); }); }},
    {"CeremonyCountsAbsent", "I5", "counts a share of nils.custodian", [](History& h) { h.At(Kind::kAnswer, "PresentShare").Change<kg::PresentShareResponse>([](auto& a) { a.mutable_ceremony()->add_presented("nils.custodian"); }); }},
    {"AttendanceNotDurable", "I2", "counts the share of kira.custodian, which is not durable", [](History& h) { h.At(Kind::kAnswer, "PresentShare").journal -= 1; }},
    {"CeremonySaysOpen", "I5", "is said to have opened the key; the token is closed", [](History& h) { h.Erase(Kind::kLogin); }},

    // --- token ---
    {"LoginWithTwoShares", "I5", "without the shares of a threshold", [](History& h) { h.Erase(Kind::kPresented, "liam.custodian"); }},
    {"LoginBeforeAttendanceDurable", "I5", "without the shares of a threshold", [](History& h) { h.At(Kind::kLogin).journal -= 1; }},
    {"LoginAgainWithOldShares", "I5", "without the shares of a threshold", [](History& h) { h.Again(Kind::kLogin); }},
    {"LoginAfterExpiry", "I5", "without the shares of a threshold", [](History& h) { h.At(Kind::kLogin).now = h.At(Kind::kLogin).now + kHour * 3; }},
    {"LoginAfterSignerDied", "I5", "without the shares of a threshold", [](History& h) { Event died = h.At(Kind::kLogin); died.kind = Kind::kSignerDied; h.events.insert(h.events.begin() + static_cast<std::ptrdiff_t>(h.Index(Kind::kLogin)), died); }},
    {"LoginWhileHalted", "I1", "the recovery token was opened, but", [](History& h) { OrderBefore(h, kAttendance, "halt", "anna.pma"); }},
    {"SignedAfterValidity", "I1", "attempt 1 (counter 1000000) at 2026-12", [](History& h) { h.At(Kind::kTokenSign).now = h.At(Kind::kTokenSign).now + kHour * 24 * 12; }},
    {"SignedAfterEightHours", "I5", "after the key was opened", [](History& h) { h.At(Kind::kTokenSign).true_time = h.At(Kind::kTokenSign).true_time + kHour * 9; }},
    {"SignedAfterClockJump", "I10", "although the keyguard's clock went", [](History& h) { h.At(Kind::kTokenSign).now = h.At(Kind::kTokenSign).now + kHour; }},
    {"SignedByClockBehind", "I10", "the journal has seen", [](History& h) { h.At(Kind::kTokenSign).now = h.At(Kind::kTokenSign).now - kHour / 2; }},
    {"SignedWithStaleList", "I10", "with a revocation list of", [](History& h) { h.At(Kind::kTokenSign).now = h.At(Kind::kTokenSign).now + kHour * 24 * 8; }},
    {"SignedWhileTokenClosed", "I5", "while its token was closed", [](History& h) { h.Erase(Kind::kLogin); }},
    {"SignedAfterSignerDied", "I5", "while its token was closed", [](History& h) { Event died = h.At(Kind::kTokenSign); died.kind = Kind::kSignerDied; h.events.insert(h.events.begin() + static_cast<std::ptrdiff_t>(h.Index(Kind::kTokenSign)), died); }},
    {"SignedForNoDirection", "I5", "opened for no Direction", [](History& h) { h.Erase(Kind::kPresented); }},
    {"SignedBeforeBurnDurable", "I2", "no durable burn asks for it", [](History& h) { h.At(Kind::kTokenSign).journal -= 1; }},
    {"SignedUndirected", "I1", "which is nothing that any Direction means", [](History& h) { h.At(Kind::kTokenSign).digest[0] ^= 1; }},
    {"SignedByOtherKey", "I1", "which is for another key", [](History& h) { h.At(Kind::kTokenSign).who = "contingency"; }},
    {"SignedAgain", "I2", "again; its signature is in the journal", [](History& h) { Event again = h.At(Kind::kTokenSign); again.journal += 1; h.events.insert(h.events.begin() + static_cast<std::ptrdiff_t>(h.Index(Kind::kAnswer, "Sign")) + 1, again); }},
    {"SignedWhileHalted", "I1", "(counter 1000000), but the Direction is halted", [](History& h) { OrderBefore(h, kBurn, "halt", "anna.pma"); }},
    {"SignedForOtherDirection", "I1", "opened for another Direction", [](History& h) {
       std::string text = h.At(Kind::kPresented).messages[0];
       const std::string digest = ToHex(h.estate->DirectionDigest());
       RequestEverywhere(h, text.replace(text.find(digest), 64, std::string(64, 'a')));
     }},
    {"SignedWhileJournalSaysClosed", "I5", "the journal does not say that it is open", [](History& h) { CloseBefore(h, kBurn); }},
    {"TokenOpenAtEnd", "I5", "token is still open at the end", [](History& h) { h.Erase(Kind::kLogin, "", 1); h.Erase(Kind::kSignerDied); }},

    // --- released commands ---
    {"AnswerWithoutQuestion", "I1", "GetStatus was answered to orchestrator without", [](History& h) { h.Erase(Kind::kRequest, "GetStatus"); }},
    {"CommandsNotAskedFor", "I1", "that it did not ask for", [](History& h) { h.At(Kind::kRequest, "Sign").Change<kg::SignRequest>([](auto& r) { r.mutable_items(0)->set_attempt(2); }); }},
    {"ReleasedWhileClosed", "I5", "asked for while the key was closed", [](History& h) { h.Erase(Kind::kLogin); }},
    {"ReleasedUnburned", "I2", "no durable burn has its counter", [](History& h) { Released(h, [](auto& r) { r.mutable_commands(0)->set_counter(77); }); }},
    {"ReleasedForOther", "I1", "its counter was burned for", [](History& h) { Released(h, [](auto& r) { r.mutable_commands(0)->set_counter(r.commands(1).counter()); }); }},
    {"ReleasedForOtherGroup", "I1", "it was burned for another Direction or group", [](History& h) { h.At(Kind::kRequest, "Sign").Change<kg::SignRequest>([](auto& r) { r.set_group("gpf"); }); }},
    {"ReleasedSecondString", "I2", "it is the second byte string", [](History& h) {
       const size_t at = h.Index(Kind::kAnswer, "Sign") + 1;
       const std::string request = h.At(Kind::kRequest, "Sign").messages[0];
       auto answer = h.At(Kind::kAnswer, "Sign").Read<kg::SignResponse>();
       answer.mutable_commands(0)->mutable_command()->back() ^= 1;
       AddCall(h, "orchestrator", "Sign", request, answer.SerializeAsString(), at);
       for (size_t i = at; i < at + 2; ++i) h.events[i].journal = h.events[at - 1].journal;
     }},
    {"CommandUnreadable", "I1", "octets behind the signature", [](History& h) { Released(h, [](auto& r) { r.mutable_commands(0)->mutable_command()->push_back(0); }); }},
    {"CommandPayloadUnreadable", "I1", "octets behind the payload", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.payload.push_back(0); }, false); }},
    {"CommandIsNone", "I1", "it is no command", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.cra = gbcs::Cra::kResponse; }); }},
    {"CommandOfOtherMode", "I1", "mode 9, code 0108", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.mode = gbcs::Mode::kAnyByContingency; }); }},
    {"CommandOfOtherCode", "I1", "mode 8, code 0109", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.message_code = 0x0109; }); }},
    {"CommandFromOther", "I1", "its originator is", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.originator = Eui64(1); }); }},
    {"CommandToOther", "I1", "its target is", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.recipient = Eui64(1); }); }},
    {"CommandWithOtherCounter", "I1", "its counters are 1000000 and 1000009", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.seq_number = 1'000'009; }); }},
    {"CommandWithDateTime", "I1", "it has a date-time", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.date_time = Bytes(12); }); }},
    {"CommandWithSymmetricKey", "I1", "it discloses a symmetric key", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.plaintext_symmetric_key = Bytes(32); }); }},
    {"CommandWithoutTimeChecks", "I1", "its time-check flag", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.disapply_time_checks ^= true; }); }},
    {"CommandByOtherCell", "I1", "its authorising cell", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.authorising_cell = gbcs::TrustAnchorCell::Parse("supplier/digitalSignature"); }); }},
    {"CommandWithFloor4", "I1", "its floors [4], [5]", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.new_floor = 1; }); }},
    {"CommandWithFloor5", "I1", "its floors [4], [5]", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.new_specialist_floors.emplace().push_back({0, 1}); }); }},
    {"CommandWithFloor6", "I1", "its floors [6]", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.other_changes->at(0).floor = 1; }); }},
    {"CommandWithOtherCertificate", "I1", "its cells or certificates", [](History& h) { BendCommand(h, [&](auto&, auto& p) { p.replacements[0].certificate = h.estate->certificates.at("other-supplier-ds").der(); }); }},
    {"CommandWithOneCellTwice", "I1", "its cells or certificates", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.replacements.push_back(p.replacements[0]); }); }},
    {"CommandWithOtherPath", "I1", "its path certificates", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.path_certificates.push_back(p.path_certificates[0]); }); }},
    {"CommandWithTime", "I1", "it has an execution time", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.execution_date_time = "20270101000000Z"; }); }},
    {"CommandUnsigned", "I1", "it is not signed", [](History& h) { BendCommand(h, [](auto& m, auto&) { m.signature.reset(); }); }},
    {"CommandOtherwiseOther", "I1", "its octets are not those directed", [](History& h) { BendCommand(h, [](auto&, auto& p) { p.execution_date_time = "20270101000000Z"; }); }},
    {"ReleasedBeforeDurable", "I2", "its signature is not durable in the journal", [](History& h) { h.At(Kind::kAnswer, "Sign").journal -= 1; }},
    {"ReleasedOtherSignature", "I2", "its signature is not the one in the journal", [](History& h) { BendCommand(h, [](auto&, auto&) {}); }},
    {"ReleasedBadSignature", "I1", "its signature is not that of the directed key", [](History& h) { Released(h, [](auto& r) { r.mutable_commands(0)->mutable_command()->back() ^= 1; }); }},

    // --- people at the keyguard ---
    {"PresentationUnreadable", "I5", "a presentation was accepted that is none", [](History& h) { Shown(h, [](auto& r) { r.set_presentation("x"); }); }},
    {"PresentationForged", "I4", "they did not sign this presentation", [](History& h) { Shown(h, [&](auto& r) { const Digest d = DigestOf(r); std::erase_if(h.events, [&](const Event& e) { return e.kind == Kind::kSigned && pki::Sha256(e.messages[0]) == d; }); }); }},
    {"PresentationInOtherEnvelope", "I5", "in another envelope than was signed for", [](History& h) { Shown(h, [](auto& r) { r.set_envelope("x"); }); }},
    {"PresentationOfOtherEstate", "I8", "was accepted; it is of drill/estate-8", [](History& h) { ShownText(h, "estate-7", "estate-8"); }},
    {"PresentationForOtherRequest", "I5", "that the keyguard never made", [](History& h) { ShownText(h, "ceremony: CER-", "ceremony: CER-F"); }},
    {"PresentationLate", "I5", "was accepted at 2026-11-21T06:00:00Z, after", [](History& h) { ShownAt(h, kHour * 3); }},
    {"PresentationByExpired", "I10", "their certificate has expired or is revoked", [](History& h) { ShownAt(h, kHour * 24 * 400); }},
    {"PresentationByStaleList", "I10", "by a revocation list of", [](History& h) { ShownAt(h, kHour * 24 * 8); }},
    {"OrderAcceptedUnreadable", "I4", "an order was accepted that is none", [](History& h) { Halt(h, true, true, "x"); }},
    {"OrderAcceptedForged", "I4", "was accepted; they did not sign it", [](History& h) { Halt(h, false, true); }},
    {"OrderNotDurable", "I2", "was accepted and is not durable", [](History& h) { Halt(h, true, false); }},
    {"OrderNotObeyed", "I5", "was accepted and the token is still open", [](History& h) { Halt(h, true, true); }},
    {"ClosedButOpen", "I5", "Close was answered and the token is still open", [](History& h) { h.Erase(Kind::kLogin, "", 1); }},
    {"ClosedNotDurable", "I2", "Close was answered and is not durable", [](History& h) { h.At(Kind::kAnswer, "Close").journal -= 1; }},
    {"ProofNotDurable", "I2", "was accepted and is not durable in the journal", [](History& h) { h.At(Kind::kAnswer, "Prove").journal -= 1; }},
    {"StatusOfOtherEstate", "I8", "the keyguard says it is of", [](History& h) { State(h, [](auto& s) { s.set_estate("x"); }); }},
    {"StatusOfOtherPolicy", "I8", "the keyguard obeys another trust policy", [](History& h) { State(h, [](auto& s) { s.set_policy_digest(std::string(32, 'x')); }); }},
    {"StatusSaysClosed", "I5", "the keyguard says that the key is closed; the token is open", [](History& h) { State(h, [](auto& s) { s.set_state(kg::Status::CLOSED); }); }},
    {"CustodyWithoutQuorum", "I1", "a custody change was begun with 0 approvals", [](History& h) { kg::BeginCustodyChangeRequest r; r.set_change("requestedBy: a\n"); AddCall(h, "lena.lead", "BeginCustodyChange", r.SerializeAsString(), "", h.Index(Kind::kRequest, "Prepare")); }},
    {"CountersignedNoCheckpoint", "I3", "countersigned what is no checkpoint", [](History& h) { Checkpoint(h, [](auto& note) { note = "x"; }); }},
    {"CheckpointOfOtherEstate", "I8", "is about smki-ledger/drill/estate-8", [](History& h) { Checkpoint(h, [](auto& note) { note.replace(note.find("estate-7"), 8, "estate-8"); }); }},
    {"CheckpointWithoutOrchestrator", "I3", "without the orchestrator's signature", [](History& h) { Checkpoint(h, [](auto& note) { note.replace(note.find("estate-7"), 8, "estate-8"); }); }},
    {"CheckpointCountersignedByOther", "I3", "the countersignature is not the keyguard's", [](History& h) { Checkpoint(h, [](auto&) {}, "\xE2\x80\x94 keyguard AAAAAAA=\n"); }},
    {"CheckpointGoesBack", "I3", "is countersigned after one over", [](History& h) {
       const size_t at = h.Index(Kind::kAnswer, "Countersign") + 1;
       kg::CountersignRequest request;
       request.set_checkpoint(ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {3, h.ledger[2].hash}}) + "\nx\n");
       AddCall(h, "orchestrator", "Countersign", request.SerializeAsString(), "", at);
     }},
    {"CheckpointForks", "I3", "is countersigned after one over", [](History& h) {
       const size_t at = h.Index(Kind::kAnswer, "Countersign") + 1;
       kg::CountersignRequest request;
       request.set_checkpoint(ledger::RenderCheckpoint({"smki-ledger/drill/estate-7", {h.Entry("checkpoint"), Digest{}}}) + "\nx\n");
       AddCall(h, "orchestrator", "Countersign", request.SerializeAsString(), "", at);
     }},
    {"CheckpointNotKept", "I2", "the keyguard has not kept it durably", [](History& h) { h.At(Kind::kAnswer, "Countersign").checkpoint.clear(); }},

    // --- Devices and gateway ---
    {"DeviceSentUnreleased", "I1", "and that the keyguard never gave", [](History& h) { Event& e = h.At(Kind::kDeviceCommand); gbcs::Message m = Must(gbcs::ParseMessage(AsBytes(e.messages[0]))); m.signature = Must(h.estate->token("recovery").key.Sign(gbcs::SignedOctets(m))); e.messages[0] = ToString(gbcs::EncodeMessage(m)); }},
    {"RecoveredDoesNotHold", "I6", "is reported recovered; its cell", [](History& h) { h.end.device_cells.begin()->second["supplier/keyAgreement"] = Bytes(8, 2); }},
    {"CellChangedUndirected", "I6", "was changed to what nobody directed", [](History& h) { h.end.device_cells.begin()->second["recovery/digitalSignature"] = Bytes(8, 9); }},
    {"StrangerChanged", "I6", "was changed to what nobody directed", [](History& h) { h.end.device_cells_before[Eui64(9)]["x"] = {1}; h.end.device_cells[Eui64(9)]["x"] = {2}; }},
    {"DeliveredUnreleased", "I2", "that the keyguard never released", [](History& h) { h.At(Kind::kDeliver).Change<estate::v1::DeliverRequest>([](auto& d) { d.mutable_commands(0)->mutable_message()->back() ^= 1; }); }},
    {"DeliveredToOther", "I1", "is delivered to", [](History& h) { h.At(Kind::kDeliver).Change<estate::v1::DeliverRequest>([](auto& d) { d.mutable_commands(0)->set_device(4); }); }},
    {"DeliveredBeforeLogged", "I2", "is delivered and not durable in the campaign log", [](History& h) { h.At(Kind::kDeliver).campaign -= 1; }},

    // --- pages ---
    {"PageForked", "I3", "another head after", [](History& h) { h.Again(Kind::kView); View(h, 1, [](auto& v) { v.set_ledger_head(std::string(32, 'x')); }); }},
    {"PageBehind", "I2", "they had been shown", [](History& h) { std::swap(h.At(Kind::kView, "", 0).messages, h.At(Kind::kView, "", 1).messages); }},
    {"PageOfOtherRunbook", "I9", "runs another runbook than it was opened with", [](History& h) { View(h, 1, [](auto& v) { v.set_runbook_digest(std::string(32, 'x')); }); }},
    {"PageOfUnknownRunbook", "I9", "runs a runbook that nobody wrote", [](History& h) { View(h, 1, [](auto& v) { v.set_runbook_digest(std::string(32, 'x')); }); }},
    {"PageCountsUnproven", "I6", "have said so", [](History& h) { View(h, 2, [](auto& v) { v.mutable_progress()->set_recovered(4); }); }},
    {"PageCountsUndurable", "I2", "are durable in the campaign log", [](History& h) { h.At(Kind::kView, "", 2).campaign -= 2; }},
    {"CampaignRolledBack", "I2", "the campaign log of INC-1: its first", [](History& h) { h.At(Kind::kView, "", 3).campaign = 2; }},
    {"CampaignRecordUnreadable", "I3", "campaign record 2:", [](History& h) { h.campaign[2].second.push_back(0); }},

    // --- ledger ---
    {"LedgerGap", "I3", "it stands in place", [](History& h) { h.ledger.back().sequence = 99; }},
    {"LedgerChanged", "I3", "the chain breaks here", [](History& h) { h.ledger[4].person = "x"; }},
    {"LedgerTimeGoesBack", "I3", "it is dated before the entry before it", [](History& h) { h.ledger[4].time = h.ledger[4].time - kHour; h.Rechain(); }},
    {"LedgerWithoutGenesis", "I3", "the ledger has no genesis", [](History& h) { h.ledger[0].kind = "x"; h.Rechain(); }},
    {"LedgerOfOtherEstate", "I8", "the ledger is of", [](History& h) { h.ChangeEntry<lg::Genesis>("genesis", [](auto& g) { g.set_estate("x"); }); }},
    {"LedgerOfOtherPolicy", "I8", "the ledger was begun under another trust policy", [](History& h) { h.ChangeEntry<lg::Genesis>("genesis", [](auto& g) { g.set_policy_digest("x"); }); }},
    {"BurnQuotesUnknown", "I3", "quotes ledger entry 4", [](History& h) { Burn(h, [](auto& b) { b.ledger_sequence = 4; }); }},
    {"DirectionQuotesUnknown", "I3", "DIR-2026-0001 quotes ledger entry", [](History& h) { h.ledger[1].time = h.ledger[1].time + Millis(0); h.ledger[1].payload += "x"; h.Rechain(); }},
    {"StatusQuotesUnknownJournal", "I3", "quotes a head of the journal after", [](History& h) { State(h, [](auto& s) { s.set_journal_head(std::string(32, 'x')); }); }},
    {"CheckpointEntryUnreadable", "I3", "it is no checkpoint", [](History& h) { h.ChangeEntry<lg::CheckpointRecord>("checkpoint", [](auto& c) { c.set_note("x"); }); }},
    {"CheckpointEntryOfOtherHead", "I3", "it vouches for", [](History& h) { h.ledger[4].person = "x"; h.Rechain(); }},
    {"CheckpointEntryUnsigned", "I3", "orchestrator and keyguard have not both signed it", [](History& h) { h.ChangeEntry<lg::CheckpointRecord>("checkpoint", [](auto& c) { c.mutable_note()->resize(c.note().size() - 30); c.mutable_note()->push_back('\n'); }); }},
    {"KeyguardEntryOfOtherHead", "I3", "it quotes a head of the signer's journal", [](History& h) { h.ChangeEntry<lg::KeyguardRecord>("keyguard", [](auto& k) { k.set_journal_head("x"); }); }},
    {"StatementUnreadable", "I4", "it holds no statement", [](History& h) { h.ChangeEntry<lg::SignedStatement>("statement", [](auto& s) { s.set_document("x"); }); }},
    {"StatementUsedTwice", "I4", "the statement was used before", [](History& h) { h.ledger.insert(h.ledger.begin() + 2, h.ledger[1]); h.Rechain(); }},
    {"StatementForged", "I4", "lena.lead did not sign this statement", [](History& h) { ChangeStatement(h, "done", "dune"); }},
    {"StatementOfOtherEstate", "I8", "the statement is of", [](History& h) { ChangeStatement(h, "estate-7", "estate-8"); }},
    {"StatementAboutOther", "I4", "the statement is about INC-2", [](History& h) { ChangeStatement(h, "INC-1", "INC-2"); }},
    {"StatementOfOtherPage", "I4", "it was made on page", [](History& h) { ChangeStatement(h, "expectedSequence: ", "expectedSequence: 9"); }},
    {"StatementNotActedOn", "I4", "the statement before it was not acted on", [](History& h) { h.ledger.insert(h.ledger.begin() + 2, h.ledger[1]); h.Rechain(); }},
    {"StatementAlone", "I4", "and no such act follows", [](History& h) { h.EraseEntry(h.Entry("incident.incident-closed")); }},
    {"ActsInRoleNotHeld", "I4", "acts as auditor and is not", [](History& h) { SetField(h, "incident.incident-opened", "role", "auditor"); }},
    {"ActsInConflictingRoles", "I4", "which conflict", [](History& h) { SetField(h, "incident.incident-closed", "role", "incident-lead"); h.ledger[h.Entry("incident.incident-closed")].person = "kira.custodian"; h.Rechain(); }},
    {"DirectionApprovedByTwo", "I1", "counts as approved with 2 votes", [](History& h) { h.EraseEntry(h.Entry("incident.approval-recorded")); }},
    {"ActWithoutStatement", "I4", "signed no statement for it", [](History& h) { h.EraseEntry(h.Entry("statement")); }},
    {"ActOtherThanStated", "I4", "before it says something else", [](History& h) { SetField(h, "incident.incident-closed", "text", "undone"); }},
    {"VoteForged", "I4", "bruno.pma did not sign this vote", [](History& h) { h.ledger[h.Entry("incident.approval-recorded")].person = "bruno.pma"; h.Rechain(); }},
    {"RejectionForged", "I4", "anna.pma did not sign this vote", [](History& h) { h.ledger[h.Entry("incident.approval-recorded")].kind = "incident.rejection-recorded"; h.Rechain(); }},
    {"VoteByRequester", "I4", "lena.lead votes on what they requested", [](History& h) { h.ledger[h.Entry("incident.approval-recorded")].person = "lena.lead"; h.Rechain(); }},
    {"VoteWithoutSeat", "I4", "lena.lead has no seat", [](History& h) { h.ledger[h.Entry("incident.approval-recorded")].person = "lena.lead"; h.Rechain(); }},
    {"VoteTwice", "I4", "is a second one of a seat or organisation", [](History& h) { h.ledger[h.Entry("incident.approval-recorded")].person = "carla.pma"; h.Rechain(); }},
    {"PinsUnknownRunbook", "I9", "it pins a runbook that nobody wrote", [](History& h) { SetField(h, "incident.incident-opened", "digest", std::string(64, 'a')); }},
    {"PinsOtherThanShown", "I9", "pages showed another runbook", [](History& h) { SetField(h, "incident.incident-opened", "digest", std::string(64, 'a')); }},
    {"DirectionOfOtherRunbook", "I9", "names another runbook", [](History& h) { SetField(h, "incident.incident-opened", "digest", std::string(64, 'a')); }},
    {"PageGone", "I2", "they are gone", [](History& h) { h.ledger.pop_back(); }},
    {"PageCountsOtherEvents", "I2", "events; it should be", [](History& h) { View(h, 1, [](auto& v) { v.set_sequence(1); }); }},
    {"PageSaysOtherState", "I2", "said 'paused'; it was open", [](History& h) { View(h, 1, [](auto& v) { v.set_state("paused"); }); }},
    {"PageSaysStepDone", "I2", "showed step open done", [](History& h) { View(h, 1, [](auto& v) { v.mutable_steps(1)->set_status("done"); }); }},

    // --- reconciliation ---
    {"ReleasedWithoutIntent", "I2", "which is no intent", [](History& h) { h.ledger[h.Entry("campaign.intent")].kind = "x"; h.Rechain(); }},
    {"ReleasedOtherThanIntended", "I2", "which announces something else", [](History& h) { h.At(Kind::kRequest, "Sign").Change<kg::SignRequest>([](auto& r) { r.set_group("gpf"); }); }},
    {"BurnWithoutIntent", "I2", "attempts are spent without an intent", [](History& h) { Burn(h, [](auto& b) { b.ledger_sequence = 3; }); }},
    {"BurnOtherThanIntended", "I2", "announces something else than was spent", [](History& h) { Burn(h, [&](auto& b) { b.items[0].device = h.estate->populations.at("esme").devices[1]; }); }},
    {"BatchOtherThanReleased", "I2", "is not what the keyguard answered", [](History& h) { h.ChangeEntry<lg::CampaignBatch>("campaign.batch", [](auto& b) { b.set_signed_(2); }); }},
    {"CampaignDamaged", "I3", "is damaged after", [](History& h) { h.evidence["campaign/campaign.log"] = LogFile("campaign", h.campaign); h.evidence["campaign/campaign.log"].push_back(0); }},
    {"CampaignOfOther", "I3", "opens the campaign of INC-2", [](History& h) { Campaign<ledger::CampaignOpened>(h, ledger::CampaignType::kOpened, &ledger::DecodeCampaignOpened, [](auto& o) { o.incident = "INC-2"; }); }},
    {"CampaignSignedOther", "I2", "is not the command that the keyguard released", [](History& h) { Campaign<ledger::CampaignSigned>(h, ledger::CampaignType::kSigned, &ledger::DecodeCampaignSigned, [](auto& s) { s.items[0].command[0] ^= 1; }); }},
    {"ResponseInvented", "I6", "never gave this response", [](History& h) { Answered(h, [](auto& r) { r.octets.back() ^= 1; }); }},
    {"ResponseToOtherAttempt", "I6", "was not given to its attempt", [](History& h) { Answered(h, [](auto& r) { r.attempt = 2; }); }},
    {"ResponseJudgedWrong", "I6", "is counted with outcome 3", [](History& h) { Answered(h, [](auto& r) { r.outcome = ledger::DeviceOutcome::kRefused; }); }},
    {"CampaignProvenAlone", "I2", "is not proven in the journal", [](History& h) { Campaign<ledger::CampaignProven>(h, ledger::CampaignType::kProven, &ledger::DecodeCampaignProven, [](auto& p) { p.devices[0] = Eui64(1); }); }},
    {"SummaryOfOtherLog", "I3", "quotes a head of the campaign log", [](History& h) { h.ChangeEntry<lg::CampaignSummary>("campaign.summary", [](auto& s) { s.set_log_head("x"); }); }},
    {"SummaryCountsOther", "I6", "counts 2 recovered", [](History& h) { h.ChangeEntry<lg::CampaignSummary>("campaign.summary", [](auto& s) { s.set_recovered(2); }); }},
    {"SummaryCountsSignatures", "I2", "counts 5 signatures", [](History& h) { h.ChangeEntry<lg::CampaignSummary>("campaign.summary", [](auto& s) { s.set_signatures(5); }); }},
    {"EvidenceOfOtherPolicy", "I8", "holds another trust policy", [](History& h) { h.evidence["policy/trust-policy.yaml"] = {1}; }},
    {"EvidenceOfOtherJournal", "I3", "the journal in the evidence", [](History& h) { h.evidence["keyguard/journal.log"] = {1}; }},
    {"EvidenceOfOtherLedger", "I3", "the ledger in the evidence", [](History& h) { h.evidence["ledger.sqlite"] = {1}; }},
    {"EvidenceOfOtherRunbook", "I9", "the runbook in the evidence", [](History& h) { h.evidence["runbook.yaml"] = {1}; }},
    {"ReportCountsOther", "I6", "the report of INC-1 counts 4", [](History& h) { h.evidence["report.json"] = ToBytes(AsBytes("{\"devices\": {\"recovered\": 4}}")); }},
    {"EvidenceOfOtherCheckpoint", "I3", "the checkpoint in the evidence", [](History& h) { h.evidence["checkpoint.note"] = {1}; }},
    {"EvidenceFileMissing", "I3", "runbook.yaml in the evidence of INC-1 is missing", [](History& h) { h.evidence.erase("runbook.yaml"); }},
    {"EvidenceFileChanged", "I3", "is not the one the ledger names", [](History& h) { h.evidence["runbook.yaml"] = {1}; }},
};

bool Says(const std::vector<Violation>& violations, const std::string& invariant, const std::string& words) {
  return std::any_of(violations.begin(), violations.end(), [&](const Violation& violation) {
    return violation.invariant == invariant && violation.what.find(words) != std::string::npos;
  });
}

std::string All(const std::vector<Violation>& violations) {
  std::string out;
  for (const Violation& violation : violations) out += "\n  " + violation.invariant + ": " + violation.what;
  return out;
}

class Bends : public testing::TestWithParam<Bend> {};

TEST_P(Bends, IsSaid) {
  History history = Honest();
  GetParam().bend(history);
  const auto violations = Tell(history);
  EXPECT_TRUE(Says(violations, GetParam().invariant, GetParam().words)) << "what was said:" << All(violations);
}

INSTANTIATE_TEST_SUITE_P(, Bends, testing::ValuesIn(kBends),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Checks, AnHonestHistoryGivesNoViolation) {
  EXPECT_EQ(All(Tell(Honest())), "");
}

TEST(Checks, AnHonestHistoryWithCrashAndHaltGivesNoViolation) {
  EXPECT_EQ(All(Tell(Troubled())), "");
}

TEST(Checks, AnHonestHistoryAfterAChangeOfCustodyGivesNoViolation) {
  EXPECT_EQ(All(Tell(Refreshed())), "");
}

// A new policy counts once the journal has the change that made it.
TEST(Checks, ANextPolicyWithoutItsChangeIsSaid) {
  History history = Refreshed();
  for (auto& [type, payload] : history.journal) {
    if (type != kCustody) continue;
    auto record = *ledger::DecodeJournalCustody(payload);
    record.stage = "abandoned";
    payload = Encode(record);
  }
  EXPECT_TRUE(Says(Tell(history), "I1", "neither the anchor nor made of it"));
}

// The quorum resumes: organisations distinct, all after the halt.
TEST(Checks, AHaltThatTheQuorumResumedIsNoViolation) {
  History history = Honest();
  for (const char* person : {"elena.pma", "carla.pma", "bruno.pma"}) {
    const ledger::JournalOrder record = history.Order("resume", person);
    history.InsertJournal(history.Journal(kAttendance), kOrder, Encode(record));
  }
  history.InsertJournal(history.Journal(kOrder), kOrder, Encode(history.Order("halt", "anna.pma")));
  EXPECT_FALSE(Says(Tell(history), "I1", "is halted")) << All(Tell(history));
}

// What a crash leaves: a burn without signatures is signed again over the same octets.
TEST(Checks, SigningABurnAgainAfterACrashIsNoViolation) {
  History history = Honest();
  const Event first = history.At(Kind::kTokenSign);
  history.Again(Kind::kTokenSign);
  EXPECT_EQ(All(Tell(history)), "");
  EXPECT_EQ(history.At(Kind::kTokenSign).digest, first.digest);
}

}  // namespace
}  // namespace smki::simulation::test
