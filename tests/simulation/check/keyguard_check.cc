#include "tests/simulation/check/keyguard_check.h"

#include <algorithm>

#include "pki/cms.h"
#include "pki/digest.h"
#include "tests/simulation/check/checks.h"
#include "tests/simulation/check/gbcs_reader.h"

namespace smki::simulation {
namespace {

namespace kg = keyguard::v1;

template <typename T>
T Parse(const std::string& octets) {
  T out;
  out.ParseFromString(octets);
  return out;
}
template <typename T>
T First(const std::vector<std::string>& messages) {
  return Parse<T>(messages.empty() ? std::string() : messages.front());
}

// Answered in pieces; what came of them is compared in the evidence.
constexpr char kExport[] = "ExportJournal";
constexpr char kDash[] = "\xE2\x80\x94 ";  // em dash and a space

}  // namespace

// --- requests ---

void KeyguardCheck::Request(UtcTime now, const std::string& caller, const std::string& method,
                            const std::vector<std::string>& messages) {
  if (method == kExport) return;
  Pending pending{messages, now, false, key_.logins(), key_.changes(), 0};
  if (method == "Prepare") TakePrepare(now, messages);
  if (method == "Sign") {
    const auto request = First<kg::SignRequest>(messages);
    pending.open = key_.OpenFor(ToDigest(AsBytes(request.direction_digest())));
    pending.asked = asked_.size();
    asked_.push_back({request, {}, false, caller == Checks::kIntruder});
    if (caller == Checks::kIntruder)
      quotes_.Stolen(request.ledger_sequence(), ToDigest(AsBytes(request.ledger_head())));
  }
  if (method == "Prepare" && caller == Checks::kIntruder) {
    const auto first = First<kg::PrepareRequest>(messages);
    const auto& header = first.header();
    quotes_.Stolen(header.ledger_sequence(), ToDigest(AsBytes(header.ledger_head())));
  }
  pending_[{caller, method}].push_back(std::move(pending));
}

void KeyguardCheck::TakePrepare(UtcTime now, const std::vector<std::string>& messages) {
  Bundle bundle;
  for (const std::string& octets : messages) {
    const auto part = Parse<kg::PrepareRequest>(octets);
    if (part.has_header()) {
      const kg::PrepareHeader& header = part.header();
      bundle.incident = header.incident();
      bundle.key = header.key();
      bundle.direction = header.direction();
      bundle.digest = pki::Sha256(header.direction());
      for (const std::string& cms : header.approvals()) bundle.approvals.push_back(ToBytes(AsBytes(cms)));
      bundle.policy = header.policy();
      bundle.revocation_list = ToBytes(AsBytes(header.revocation_list()));
      bundle.ledger_sequence = header.ledger_sequence();
      bundle.ledger_head = ToDigest(AsBytes(header.ledger_head()));
    } else if (part.has_population()) {
      Append(bundle.populations[part.population().group()], AsBytes(part.population().octets()));
    } else {
      bundle.certificates.emplace(pki::Sha256(part.certificate()), ToBytes(AsBytes(part.certificate())));
    }
  }
  admissions_.Prepared(std::move(bundle), now);
}

std::optional<KeyguardCheck::Pending> KeyguardCheck::Match(const std::string& caller, const std::string& method) {
  Queue& queue = pending_[{caller, method}];
  if (queue.empty()) {
    facts_.findings.Say("I1", "{} was answered to {} without having been asked", method, caller);
    return std::nullopt;
  }
  Pending out = std::move(queue.front());
  queue.pop_front();
  return out;
}

void KeyguardCheck::Refusal(const std::string& caller, const std::string& method) {
  Queue& queue = pending_[{caller, method}];
  if (!queue.empty()) queue.pop_front();
}

// --- answers ---

void KeyguardCheck::Answer(UtcTime now, const std::string& caller, const std::string& method,
                           const std::string& response) {
  journal_.Update(now);
  if (method == kExport) return;
  if (method == "Sign") return Signed(now, caller, response);
  const auto pending = Match(caller, method);
  if (!pending) return;
  // What a person does opens and closes the key itself: its answer tells of after.
  const bool acts = method == "PresentShare" || method == "Close" || method == "Order";
  key_.Answering(acts && key_.changes() <= pending->changes + 1 ? key_.changes() : pending->changes);
  if (method == "Prepare") {
    if (caller == Checks::kIntruder) key_.AskedByIntruder();
    const auto answer = Parse<kg::PrepareResponse>(response);
    if (const auto request = ReadCeremonyRequest(answer.ceremony().request()); request.ok())
      admissions_.Admitted(request->direction, now, "answer to Prepare");
    key_.Asked(now, answer.ceremony());
  } else if (method == "Prove") {
    Proved(*pending, response);
  } else if (method == "Close") {
    Closed(*pending, response);
  } else if (method == "GetStatus" || method == "PersonsGetStatus") {
    State("status", Parse<kg::Status>(response));
  } else if (method == "Countersign") {
    Countersigned(*pending, response);
  } else if (method == "GetCeremony") {
    key_.Asked(now, Parse<kg::Ceremony>(response));
  } else if (method == "PresentShare") {
    Presented(now, *pending, response);
  } else if (method == "Order") {
    Ordered(now, *pending, response);
  } else if (method == "BeginCustodyChange") {
    TakeBeginCustody(now, *pending, response);
  } else if (method == "GetCustody") {
    const auto custody = Parse<kg::Custody>(response);
    if (auto next = ReadPolicy(custody.policy()); next.ok()) facts_.offered.emplace(next->digest, *next);
    key_.Asked(now, custody.ceremony());
  }
}

// The first that asked for just these Devices and attempts: answers to other calls may have been lost.
std::optional<KeyguardCheck::Pending> KeyguardCheck::MatchSign(const std::string& caller,
                                                               const kg::SignResponse& response) {
  Queue& queue = pending_[{caller, "Sign"}];
  const auto same = [&](const Pending& pending) {
    const kg::SignRequest& request = asked_[pending.asked].request;
    if (request.items_size() != response.commands_size()) return false;
    for (int i = 0; i < request.items_size(); ++i) {
      if (request.items(i).device() != response.commands(i).device() ||
          request.items(i).attempt() != response.commands(i).attempt())
        return false;
    }
    return true;
  };
  const auto found = std::find_if(queue.begin(), queue.end(), same);
  if (found == queue.end()) {
    facts_.findings.Say("I1", "{} commands are released to {} that it did not ask for", response.commands_size(),
                        caller);
    return std::nullopt;
  }
  Pending out = std::move(*found);
  queue.erase(queue.begin(), found + 1);
  return out;
}

void KeyguardCheck::Signed(UtcTime now, const std::string& caller, const std::string& octets) {
  const auto response = Parse<kg::SignResponse>(octets);
  const auto pending = MatchSign(caller, response);
  if (!pending) return;
  Asked& asked = asked_[pending->asked];
  asked.answered = true;
  const Digest direction = ToDigest(AsBytes(asked.request.direction_digest()));
  bool any = false;
  for (const kg::SignedCommand& item : response.commands()) {
    if (item.command().empty()) continue;
    any = true;
    Released(now, asked.request, item);
    asked.commands.push_back(ToBytes(AsBytes(item.command())));
  }
  // A token that was pulled out stops no answer that was signed before.
  const bool was_open = pending->open || key_.severed() || key_.OpenFor(direction) || key_.logins() > pending->logins;
  if (any && !was_open)
    facts_.findings.Say("I5", "commands of Direction {} are released at {}, asked for while the key was closed",
                        Short(direction), FormatTimeMillis(now));
}

void KeyguardCheck::Released(UtcTime now, const kg::SignRequest& request, const kg::SignedCommand& item) {
  Findings& findings = facts_.findings;
  const Eui64 device(item.device());
  const std::string who = fmt::format("the command released for {} attempt {} (counter {}) at {}", device.ToString(),
                                      item.attempt(), item.counter(), FormatTimeMillis(now));
  const auto known = facts_.commands.find(item.counter());
  if (known == facts_.commands.end()) return findings.Say("I2", "{}: no durable burn has its counter", who);
  Command& command = known->second;
  if (command.device != device || command.attempt != item.attempt())
    return findings.Say("I1", "{}: its counter was burned for {}", who, command.Describe());
  if (command.use->digest != ToDigest(AsBytes(request.direction_digest())) || command.group != request.group())
    return findings.Say("I1", "{}: it was burned for another Direction or group", who);
  const ByteSpan message = AsBytes(item.command());
  const Digest digest = pki::Sha256(message);
  if (command.released && *command.released != digest)
    findings.Say("I2", "{}: it is the second byte string for this attempt", who);
  command.released = digest;
  facts_.message_to_counter[digest] = item.counter();
  ReadCommand(command, message);
}

// I1, octet by octet; what is said says which part is not as directed.
void KeyguardCheck::ReadCommand(const Command& command, ByteSpan message) {
  const auto say = [&](const char* invariant, const std::string& what) {
    facts_.findings.Say(invariant, "the command released for {}: {}", command.Describe(), what);
  };
  const auto frame = ReadFrame(message);
  if (!frame.ok()) return say("I1", Message(frame.status()));
  const auto payload = ReadCommandPayload(frame->payload);
  if (!payload.ok()) return say("I1", Message(payload.status()));
  const Group& group = *command.use->direction.Find(command.group);
  if (frame->cra != 1) say("I1", "it is no command");
  if (frame->code != 0x0108 || payload->mode != 8)
    say("I1", fmt::format("mode {}, code {:04X}", payload->mode, frame->code));
  if (frame->originator != command.use->originator) say("I1", "its originator is " + frame->originator.ToString());
  if (frame->recipient != command.device) say("I1", "its target is " + frame->recipient.ToString());
  if (frame->counter != command.counter || payload->counter != command.counter)
    say("I1", fmt::format("its counters are {} and {}", frame->counter, payload->counter));
  if (!frame->date_time.empty()) say("I1", "it has a date-time");
  if (payload->symmetric_key) say("I1", "it discloses a symmetric key");
  if (payload->disapply_time_checks == group.time_checks) say("I1", "its time-check flag");
  if (payload->authorising_cell != "recovery/digitalSignature")
    say("I1", "its authorising cell " + payload->authorising_cell);
  if (payload->authorising_floor != group.authorising_floor || payload->specialist_floors)
    say("I1", "its floors [4], [5]");
  std::vector<ReadFloor> floors;
  for (const Floor& floor : group.floors)
    floors.push_back({RoleNumber(floor.role).value_or(99), floor.floor, floor.prepayment});
  if (payload->floors != floors) say("I1", "its floors [6]");
  if (payload->replacements != group.replacements) say("I1", "its cells or certificates");
  if (payload->path != group.path) say("I1", "its path certificates");
  if (payload->execution_time) say("I1", "it has an execution time");
  if (!frame->signature) return say("I1", "it is not signed");
  if (frame->to_be_signed != command.octets) say("I1", "its octets are not those directed");
  if (!command.recorded) {
    say("I2", "its signature is not durable in the journal");
  } else if (*frame->signature != *command.recorded) {
    say("I2", "its signature is not the one in the journal");
  }
  if (!command.use->key || !command.use->key->Verify(frame->to_be_signed, *frame->signature))
    say("I1", "its signature is not that of the directed key");
}

// --- people ---

void KeyguardCheck::Presented(UtcTime now, const Pending& pending, const std::string& response) {
  const auto request = First<kg::PresentShareRequest>(pending.messages);
  const auto shown = ReadPresentation(request.presentation());
  if (!shown.ok())
    return facts_.findings.Say("I5", "a presentation was accepted that is none: {}", Message(shown.status()));
  const std::string who = fmt::format("the share of {} for ceremony {}", shown->person, shown->ceremony);
  if (!facts_.HasSigned(shown->person, AsBytes(request.presentation())))
    facts_.findings.Say("I4", "{} was accepted; they did not sign this presentation", who);
  if (shown->envelope != pki::Sha256(request.envelope()))
    facts_.findings.Say("I5", "{} was accepted in another envelope than was signed for", who);
  if (shown->environment != facts_.policy().environment || shown->estate != facts_.policy().estate)
    facts_.findings.Say("I8", "{} was accepted; it is of {}/{}", who, shown->environment, shown->estate);
  key_.Asked(now, Parse<kg::PresentShareResponse>(response).ceremony());
  const CeremonyRequest* const asked = key_.FindRequest(shown->request);
  if (asked == nullptr || asked->id != shown->ceremony || asked->key != shown->key)
    return facts_.findings.Say("I5", "{} was accepted; it is for a request that the keyguard never made", who);
  if (std::min(pending.time, now) > asked->expires + kStep)
    facts_.findings.Say("I5", "{} was accepted at {}, after {}", who, FormatTime(now), FormatTime(asked->expires));
  const Policy* const policy = facts_.FindPolicy(asked->policy);
  const auto person = policy == nullptr ? facts_.policy().persons.end() : policy->persons.find(shown->person);
  if (policy == nullptr || person == policy->persons.end()) return;
  const auto certificate = pki::Certificate::Parse(person->second.signing);
  if (!certificate.ok() || facts_.revoked.contains(certificate->serial) ||
      certificate->not_after < std::min(pending.time, now))
    facts_.findings.Say("I10", "{} was accepted; their certificate has expired or is revoked", who);
  const Use* const use = facts_.FindUse(asked->direction);
  if (use == nullptr) return;
  facts_.Acts(asked->incident, shown->person, "key-custodian", who);
  if (use->list_issued + policy->revocation_list_max_age + kStep < std::min(pending.time, now))
    facts_.findings.Say("I10", "{} was accepted at {} by a revocation list of {}", who, FormatTime(now),
                        FormatTime(use->list_issued));
}

void KeyguardCheck::Ordered(UtcTime, const Pending& pending, const std::string& response) {
  const auto request = First<kg::OrderRequest>(pending.messages);
  const auto order = ReadOrder(request.order());
  if (!order.ok()) return facts_.findings.Say("I4", "an order was accepted that is none: {}", Message(order.status()));
  const std::string what =
      fmt::format("the order of {} to {} Direction {}", order->person, order->order, Short(order->direction));
  if (!facts_.HasSigned(order->person, AsBytes(request.order())))
    facts_.findings.Say("I4", "{} was accepted; they did not sign it", what);
  if (!journal_.HasOrder(AsBytes(request.order())))
    facts_.findings.Say("I2", "{} was accepted and is not durable", what);
  if (!journal_.Stopped(order->direction).empty() && key_.OpenFor(order->direction))
    facts_.findings.Say("I5", "{} was accepted and the token is still open", what);
  State(what, Parse<kg::OrderResponse>(response).status());
}

void KeyguardCheck::Closed(const Pending& pending, const std::string& response) {
  const auto request = First<kg::CloseRequest>(pending.messages);
  const Digest direction = ToDigest(AsBytes(request.direction_digest()));
  if (key_.OpenFor(direction)) facts_.findings.Say("I5", "Close was answered and the token is still open");
  if (journal_.IsOpen(direction)) facts_.findings.Say("I2", "Close was answered and is not durable in the journal");
  State("answer to Close", Parse<kg::CloseResponse>(response).status());
}

void KeyguardCheck::Proved(const Pending& pending, const std::string& response) {
  const auto request = First<kg::ProveRequest>(pending.messages);
  std::set<uint64_t> refused;
  const auto answer = Parse<kg::ProveResponse>(response);
  for (const auto& one : answer.refused()) refused.insert(one.device());
  const Digest direction = ToDigest(AsBytes(request.direction_digest()));
  for (const kg::Proof& proof : request.proofs()) {
    if (refused.contains(proof.device()) || journal_.IsProven(direction, Eui64(proof.device()))) continue;
    facts_.findings.Say("I2", "the proof of {} was accepted and is not durable in the journal",
                        Eui64(proof.device()).ToString());
  }
}

void KeyguardCheck::State(const std::string& where, const kg::Status& status) {
  Findings& findings = facts_.findings;
  const Policy& policy = facts_.policy();
  if (status.environment() != policy.environment || status.estate() != policy.estate)
    findings.Say("I8", "{}: the keyguard says it is of {}/{}", where, status.environment(), status.estate());
  if (facts_.FindPolicy(ToDigest(AsBytes(status.policy_digest()))) == nullptr)
    findings.Say("I8", "{}: the keyguard obeys another trust policy", where);
  const std::string quoting = fmt::format("{} at {}", where, FormatTimeMillis({status.time_ms()}));
  key_.CheckJournalHead(quoting, status.journal_records(), ToDigest(AsBytes(status.journal_head())));
  if (!status.ledger_head().empty())
    quotes_.Ledger(quoting, status.ledger_sequence(), ToDigest(AsBytes(status.ledger_head())));
  const bool open = status.state() == kg::Status::OPEN;
  if (key_.steady() && !(open && key_.severed()) &&
      open != key_.OpenFor(ToDigest(AsBytes(status.direction_digest()))) && (open || key_.LoggedIn()))
    findings.Say("I5", "{}: the keyguard says that the key is {}; the token is {}", where, open ? "open" : "closed",
                 key_.LoggedIn() ? "open" : "closed");
}

// The approvals of a change of custody are counted as those of a Direction.
void KeyguardCheck::TakeBeginCustody(UtcTime now, const Pending& pending, const std::string& response) {
  const auto request = First<kg::BeginCustodyChangeRequest>(pending.messages);
  const auto change = Text::Read(request.change());
  std::string fault;
  const std::string requested_by = change.ok() ? (*change)["requestedBy"].Name(fault) : "";
  std::set<std::string> voters;
  for (const std::string& cms : request.approvals()) {
    for (const auto& [id, person] : facts_.policy().persons) {
      const auto certificate = pki::Certificate::Parse(person.signing);
      if (id == requested_by || facts_.policy().SeatOf(id) == nullptr || !certificate.ok() ||
          facts_.revoked.contains(certificate->serial) || !facts_.HasSigned(id, AsBytes(request.change())))
        continue;
      if (pki::VerifyDetached(AsBytes(request.change()), AsBytes(cms), *certificate).ok()) voters.insert(id);
    }
  }
  const uint64_t votes = CountVotes(facts_.policy(), voters);
  if (votes < facts_.policy().needed)
    facts_.findings.Say("I1", "a custody change was begun with {} approvals that count", votes);
  key_.Asked(now, Parse<kg::BeginCustodyChangeResponse>(response).ceremony());
}

// --- checkpoints ---

StatusOr<ReadNote> ReadCheckpoint(std::string_view text) {
  ReadNote out;
  const size_t blank = text.find("\n\n");
  if (blank == std::string_view::npos || text.back() != '\n') return InvalidArgument("it has no signatures");
  out.body = std::string(text.substr(0, blank + 1));
  const size_t one = out.body.find('\n'), two = out.body.find('\n', one + 1);
  if (two == std::string::npos || out.body.find('\n', two + 1) != out.body.size() - 1)
    return InvalidArgument("it has not three lines");
  out.origin = out.body.substr(0, one);
  const std::string entries = out.body.substr(one + 1, two - one - 1);
  const auto head = FromBase64(out.body.substr(two + 1, out.body.size() - two - 2));
  if (entries.empty() || entries.size() > 18 || entries.find_first_not_of("0123456789") != std::string::npos || !head ||
      head->size() != 32)
    return InvalidArgument("its count or head");
  out.head = {std::stoull(entries), ToDigest(*head)};
  for (size_t at = blank + 2; at < text.size();) {
    const size_t end = text.find('\n', at);
    out.lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool LineHolds(const std::string& body, const std::string& line, ByteSpan certificate) {
  std::string_view rest(line);
  if (rest.starts_with(kDash)) rest.remove_prefix(std::string_view(kDash).size());
  while (!rest.empty() && rest.back() == '\n') rest.remove_suffix(1);
  const size_t space = rest.rfind(' ');
  if (space == std::string_view::npos) return false;
  const auto octets = FromBase64(rest.substr(space + 1));
  const auto signer = pki::Certificate::Parse(certificate);
  if (!octets || octets->size() < 5 || !signer.ok()) return false;
  const auto signature = pki::SignatureFromDer(ByteSpan(*octets).subspan(4));
  return signature.ok() && signer->public_key->Verify(AsBytes(body), *signature);
}

void KeyguardCheck::Countersigned(const Pending& pending, const std::string& response) {
  Findings& findings = facts_.findings;
  const auto request = First<kg::CountersignRequest>(pending.messages);
  const auto note = ReadCheckpoint(request.checkpoint());
  if (!note.ok())
    return findings.Say("I3", "the keyguard countersigned what is no checkpoint: {}", Message(note.status()));
  const std::string what = fmt::format("the checkpoint over {} entries", note->head.entries);
  if (note->origin != "smki-ledger/" + facts_.policy().environment + "/" + facts_.policy().estate)
    findings.Say("I8", "{} is about {}", what, note->origin);
  const bool orchestrator = std::any_of(note->lines.begin(), note->lines.end(), [&](const std::string& line) {
    return LineHolds(note->body, line, facts_.policy().orchestrator);
  });
  if (!orchestrator) findings.Say("I3", "{} is countersigned without the orchestrator's signature", what);
  if (!LineHolds(note->body, Parse<kg::CountersignResponse>(response).signature_line(), facts_.policy().keyguard))
    findings.Say("I3", "{}: the countersignature is not the keyguard's", what);
  const bool fork = note->head.entries == newest_note_.entries && note->head.head != newest_note_.head;
  if (note->head.entries < newest_note_.entries || fork)
    findings.Say("I3", "{} is countersigned after one over {} entries with head {}", what, newest_note_.entries,
                 Short(newest_note_.head));
  newest_note_ = note->head;
  quotes_.Ledger(what, note->head.entries - 1, note->head.head);
  const auto kept = facts_.world.durable(facts_.world.checkpoint_path);
  const auto newest = kept ? ReadCheckpoint(AsText(*kept)) : StatusOr<ReadNote>(NotFound("no file"));
  if (!newest.ok() || newest->head.entries < note->head.entries)
    findings.Say("I2", "{} is countersigned, and the keyguard has not kept it durably", what);
}

}  // namespace smki::simulation
