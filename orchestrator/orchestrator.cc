#include "orchestrator/orchestrator.h"

#include <spdlog/spdlog.h>

#include "orchestrator/access/request.h"
#include "orchestrator/actions/party.h"
#include "orchestrator/incident/event_codec.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

using procedures::Reason;

constexpr Millis kClosePatience = std::chrono::seconds(20);
constexpr Millis kPartyPatience = std::chrono::seconds(3);
constexpr Millis kClockTolerance = std::chrono::minutes(5);
constexpr size_t kMaxRunbook = 1 << 20;
constexpr size_t kMaxIncidents = 10000;
constexpr size_t kSuffixOctets = 3;

ledger::NewEntry StatementEntry(const std::string& incident, const std::string& person, const std::string& document,
                                const std::string& cms) {
  ledger::v1::SignedStatement statement;
  statement.set_document(document);
  statement.set_cms(cms);
  return MakeEntry(incident, person, "statement", statement);
}

// INC-20261121-3f9a2c
std::string NewIncidentId(UtcTime now, Random& random) {
  const CivilTime civil = ToCivil(now);
  return fmt::format("INC-{:04}{:02}{:02}-{}", civil.year, civil.month, civil.day, ToHex(random.Take(kSuffixOctets)));
}

StatusOr<std::map<std::string, std::string>> FactsOf(const recovery::v1::OpenIncidentRequest& request, UtcTime now) {
  const recovery::v1::Notification& n = request.notification();
  if (!procedures::IsIdentifier(n.party()))
    return BadRequest(fmt::format("the party '{}' must be a name such as supplier-a", n.party()));
  if (n.organisation() == 0) return BadRequest("the notification names no organisation (EUI-64)");
  if (SaidIn(n.what()).empty()) return BadRequest("the notification does not say what happened");
  const auto received = ParseTime(n.received());
  if (!received || *received > now + kClockTolerance)
    return BadRequest(fmt::format("received '{}' is no UTC time until now", n.received()));
  std::map<std::string, std::string> facts = {{"party", n.party()},
                                              {"eui", Eui64(n.organisation()).ToString()},
                                              {"what", procedures::CleanText(n.what()).text},
                                              {"reportedBy", procedures::CleanText(n.reported_by()).text},
                                              {"received", FormatTime(*received)},
                                              {"requestId", request.request_id()}};
  if (n.successor().empty() && n.successor_organisation() == 0) return facts;
  if (!procedures::IsIdentifier(n.successor()) || n.successor_organisation() == 0)
    return BadRequest("a successor is named by party and EUI-64: give both, or neither");
  if (n.successor() == n.party() || n.successor_organisation() == n.organisation())
    return BadRequest(n.party() + " cannot succeed itself");
  facts["successor"] = n.successor();
  facts["successorEui"] = Eui64(n.successor_organisation()).ToString();
  return facts;
}

// Whether an incident of these facts is the one that is asked for again.
bool SameNotification(const std::map<std::string, std::string>& facts, const recovery::v1::Notification& n) {
  const auto successor = facts.find("successorEui");
  return facts.at("party") == n.party() && facts.at("eui") == Eui64(n.organisation()).ToString() &&
         facts.at("what") == procedures::CleanText(n.what()).text &&
         (successor == facts.end() ? n.successor_organisation() == 0
                                   : successor->second == Eui64(n.successor_organisation()).ToString());
}

// A runbook that hands Devices to another party needs to know which; any other has no place for one.
Status CheckSuccessor(const procedures::Runbook& runbook, const std::map<std::string, std::string>& facts) {
  const bool named = facts.contains("successor");
  if (procedures::NamesSuccessor(runbook) == named) return OkStatus();
  return BadRequest(
      named ? fmt::format("runbook {} places no successor's certificates: open it without a successor", runbook.id)
            : fmt::format("runbook {} hands the Devices to another party: name it with --successor and "
                          "--successor-organisation",
                          runbook.id));
}

}  // namespace

StatusOr<std::unique_ptr<Orchestrator>> Orchestrator::Create(const Site& site, const Outside& outside) {
  std::unique_ptr<Orchestrator> out(new Orchestrator(site));
  SMKI_ASSIGN_OR_RETURN(out->trust_, Trust::Load(out->site_, outside.files));
  SMKI_ASSIGN_OR_RETURN(out->book_,
                        IncidentBook::Open(site.data + "/ledger.sqlite",
                                           {out->trust_->policy(), out->trust_->policy_digest(), site.evidence},
                                           outside.files, outside.clock));
  out->refusals_ = std::make_unique<Refusals>(*out->book_, outside.executor, outside.clock);
  out->core_ = std::make_unique<Core>(
      Core{out->site_, outside, *out->trust_, *out->book_, *out->refusals_, out->repository_, out->campaigns_});
  out->runner_ = std::make_unique<Runner>(*out->core_);
  out->book_->Observe([raw = out.get()](const ledger::Entry&) {
    for (const auto& [id, notice] : raw->notices_) notice();
  });
  return out;
}

Orchestrator::~Orchestrator() = default;

void Orchestrator::Resume() {
  for (const auto& incident : book_->incidents()) {
    if (incident->state.closed) {
      if (!Exporter::IsComplete(*core_, *incident)) Export(*incident);
    } else {
      runner_->Advance(*incident);
    }
  }
}

template <typename T>
StatusOr<T> Orchestrator::Noted(const std::string& incident, const std::string& caller, const char* method,
                                StatusOr<T> result) {
  if (!result.ok()) {
    const bool known = trust_->policy().FindPerson(caller) != nullptr;
    refusals_->Record(incident, known ? caller : "", method, result.status());
  }
  return result;
}

StatusOr<Incident*> Orchestrator::Must(const std::string& incident) {
  Incident* found = book_->Find(incident);
  if (found == nullptr)
    return incident.empty()
               ? NotFound(
                     "no incident has been opened yet. Next: when one is reported, the incident team opens it:  "
                     "smkictl "
                     "incident open --runbook ID --party PARTY --organisation EUI-64 --what TEXT")
               : NotFound("there is no incident {}. Next: smkictl incident list shows those there are", incident);
  return found;
}

StatusOr<Incident*> Orchestrator::Readable(const std::string& caller, const std::string& incident, const char* method) {
  if (const auto person = PersonOf(trust_->policy(), caller); !person.ok())
    return Noted<Incident*>("", caller, method, person.status());
  return Must(incident);
}

// --- opening ---

void Orchestrator::OpenIncident(const std::string& caller, const recovery::v1::OpenIncidentRequest& request,
                                ViewReply reply) {
  const auto answer = [this, caller, reply = std::move(reply)](StatusOr<recovery::v1::IncidentView> result) {
    reply(Noted("", caller, "OpenIncident", std::move(result)));
  };
  const auto person = PersonOf(trust_->policy(), caller);
  if (!person.ok()) return answer(person.status());
  // What is wrong in itself needs nobody else's word.
  const auto before = OpenedBefore(**person, request);
  if (!before.ok()) return answer(before.status());
  const auto facts = FactsOf(request, core_->Now());
  if (*before != nullptr || !facts.ok()) return answer(DoOpen(**person, request));
  FindParties(core_->outside.estate, *facts, kPartyPatience,
              lifeline_.Guard([this, answer, person = *person, request](const Status& found) {
                if (procedures::IsRefusal(found, Reason::kWRONG_PARTY)) return answer(found);
                if (!found.ok()) {
                  spdlog::warn("the party's EUI-64 could not be checked now; the draft will: {}", Message(found));
                }
                answer(DoOpen(*person, request));
              }));
}

StatusOr<const Incident*> Orchestrator::OpenedBefore(const procedures::Person& person,
                                                     const recovery::v1::OpenIncidentRequest& request) {
  if (!procedures::IsIdentifier(request.request_id())) return BadRequest("the request needs a request_id");
  for (const auto& incident : book_->incidents()) {
    const auto& facts = incident->state.facts;
    const auto id = facts.find("requestId");
    if (id == facts.end() || id->second != request.request_id()) continue;
    if (incident->state.opened_by == person.id && incident->runbook.id == request.runbook() &&
        SameNotification(facts, request.notification())) {
      return incident.get();  // asked for again
    }
    return BadRequest(fmt::format(
        "request id {} has opened {} ({} {}, by {}), which is not what is asked for now; another incident takes "
        "another request id",
        request.request_id(), incident->state.id, facts.at("party"), facts.at("eui"), incident->state.opened_by));
  }
  return nullptr;
}

StatusOr<std::string> Orchestrator::FindRunbook(const std::string& id) {
  if (!procedures::IsIdentifier(id) || id.find('/') != std::string::npos)
    return BadRequest(fmt::format("'{}' is no runbook id such as method-3", id));
  FileSystem& files = core_->outside.files;
  SMKI_ASSIGN_OR_RETURN(std::vector<std::string> folders, files.List(site_.runbooks));
  for (const std::string& folder : folders) {
    const std::string path = site_.runbooks + "/" + folder + "/" + id + ".yaml";
    if (files.Exists(path)) return path;
  }
  return NotFound("{} has no runbook {}", site_.runbooks, id);
}

StatusOr<Orchestrator::RunbookText> Orchestrator::LoadRunbook(const std::string& id) {
  SMKI_ASSIGN_OR_RETURN(const std::string path, FindRunbook(id));
  RunbookText out;
  SMKI_ASSIGN_OR_RETURN(out.text, core_->outside.files.Read(path, kMaxRunbook));
  SMKI_ASSIGN_OR_RETURN(out.runbook, procedures::LoadRunbook(AsText(out.text), path));
  if (out.runbook.id != id) return FailedPrecondition("{}: calls itself '{}'", path, out.runbook.id);
  for (const procedures::LintFinding& finding : procedures::Lint(out.runbook)) {
    if (finding.error) return FailedPrecondition("{}:{}: {}", path, finding.line, finding.message);
  }
  const auto& allowed = trust_->policy().allowed;
  const bool may = out.runbook.key == "none" || std::any_of(allowed.begin(), allowed.end(), [&](const auto& use) {
                     return use.digest == out.runbook.digest;
                   });
  if (!may)
    return procedures::Refuse(Reason::kPROCEDURE_NOT_ALLOWED,
                              fmt::format("{} with SHA-256 {}", path, ToHex(out.runbook.digest)));
  return out;
}

StatusOr<recovery::v1::IncidentView> Orchestrator::DoOpen(const procedures::Person& person,
                                                          const recovery::v1::OpenIncidentRequest& request) {
  SMKI_ASSIGN_OR_RETURN(const Incident* before, OpenedBefore(person, request));
  if (before != nullptr) {
    recovery::v1::IncidentView view = ViewOf(*before);
    view.set_already_open(true);
    return view;
  }
  if (book_->incidents().size() >= kMaxIncidents) return BadRequest("this ledger has too many incidents");
  const UtcTime now = core_->Now();
  SMKI_ASSIGN_OR_RETURN(auto facts, FactsOf(request, now));
  const ExpectedStatement expected{kNewIncident, kNone, "open", kNone, 0, request.notification().what()};
  SMKI_RETURN_IF_ERROR(CheckStatement(trust_->policy(), trust_->VerifierAt(now), person, AsBytes(request.statement()),
                                      AsBytes(request.signature()), expected, now));

  SMKI_ASSIGN_OR_RETURN(const RunbookText loaded, LoadRunbook(request.runbook()));
  const procedures::Runbook& runbook = loaded.runbook;
  SMKI_RETURN_IF_ERROR(CheckSuccessor(runbook, facts));
  std::string id = NewIncidentId(now, core_->outside.random);
  while (book_->Find(id) != nullptr) id = NewIncidentId(now, core_->outside.random);
  std::vector<ledger::NewEntry> statement;
  statement.push_back(StatementEntry(id, person.id, request.statement(), request.signature()));
  SMKI_ASSIGN_OR_RETURN(Incident * incident, book_->OpenIncident({id, person.id, std::move(facts)}, AsText(loaded.text),
                                                                 std::move(statement)));
  spdlog::info("{} opened by {} under {} {}", id, person.id, runbook.id, ToHex(runbook.digest));
  runner_->Advance(*incident);
  return ViewOf(*incident);
}

// --- acting ---

void Orchestrator::Act(const std::string& caller, const recovery::v1::ActRequest& request, ViewReply reply) {
  const auto person = PersonOf(trust_->policy(), caller);
  StatusOr<Incident*> acted = person.ok() ? DoAct(**person, request) : StatusOr<Incident*>(person.status());
  const Incident* named = book_->Find(request.incident());
  acted = Noted(named == nullptr ? "" : named->state.id, caller, "Act", std::move(acted));
  if (!acted.ok()) return reply(acted.status());
  Incident& incident = **acted;
  if (!incident.state.closed) return reply(ViewOf(incident));
  // Whoever closes is told where the evidence is.
  auto answered = std::make_shared<bool>(false);
  auto answer = [this, answered, reply, &incident] {
    if (*answered) return;
    *answered = true;
    reply(ViewOf(incident));
  };
  waiting_for_export_[incident.state.id].push_back(answer);
  core_->outside.executor.PostAfter(kClosePatience, lifeline_.Guard(answer));
  Export(incident);
}

StatusOr<Incident*> Orchestrator::DoAct(const procedures::Person& person, const recovery::v1::ActRequest& request) {
  SMKI_ASSIGN_OR_RETURN(Incident * incident, Must(request.incident()));
  const std::string& id = incident->state.id;
  SMKI_ASSIGN_OR_RETURN(const procedures::RequestBody body, BodyOf(request, person.id));
  const UtcTime now = core_->Now();
  std::vector<ledger::NewEntry> before, after;
  if (request.verb() == "start") {
    const procedures::Step* step = incident->runbook.Find(request.step());
    if (step != nullptr) after = runner_->IntentFor(*incident, *step);
  } else {
    const ExpectedStatement expected = StatementExpectedOf(request, id);
    SMKI_RETURN_IF_ERROR(CheckStatement(trust_->policy(), trust_->VerifierAt(now), person, AsBytes(request.statement()),
                                        AsBytes(request.signature()), expected, now));
    before.push_back(StatementEntry(id, person.id, request.statement(), request.signature()));
  }
  const procedures::Request change{body, request.expected_sequence()};
  SMKI_RETURN_IF_ERROR(PrepareRepin(*incident, change, after));
  SMKI_RETURN_IF_ERROR(book_->Change(*incident, change, std::move(before), std::move(after)));
  spdlog::info("{}: {} {} {}", id, person.id, request.verb(), request.step());
  runner_->Advance(*incident);
  return incident;
}

Status Orchestrator::PrepareRepin(const Incident& incident, const procedures::Request& change,
                                  std::vector<ledger::NewEntry>& after) {
  if (const auto* approve = std::get_if<procedures::ApproveRequest>(&change.body)) {
    const auto found = incident.state.deviations.find(approve->digest);
    if (found == incident.state.deviations.end() || found->second.asked.runbook.empty()) return OkStatus();
    return book_->ReadProposedRunbook(incident, found->second.asked.runbook).status();
  }
  const auto* deviate = std::get_if<procedures::DeviateRequest>(&change.body);
  if (deviate == nullptr || deviate->asked.kind != procedures::DeviationKind::kRepin) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const RunbookText next, LoadRunbook(incident.runbook.id));
  if (ToHex(next.runbook.digest) != deviate->asked.runbook)
    return BadRequest(fmt::format("the runbook {} in {} has SHA-256 {}, not {}", next.runbook.id, site_.runbooks,
                                  ToHex(next.runbook.digest), deviate->asked.runbook));
  SMKI_RETURN_IF_ERROR(incident.machine.Decide(incident.state, change, core_->Now()).status());
  SMKI_ASSIGN_OR_RETURN(ledger::NewEntry entry,
                        book_->KeepProposedRunbook(incident, next.text, next.runbook.digest, deviate->person));
  after.push_back(std::move(entry));
  return OkStatus();
}

void Orchestrator::Export(Incident& incident) {
  const std::string id = incident.state.id;
  std::unique_ptr<Exporter>& exporter = exporters_[id];
  if (exporter != nullptr) return;
  exporter = std::make_unique<Exporter>(*core_, incident, [this, id] {
    // Posted: the exporter is on the stack.
    core_->outside.executor.Post(lifeline_.Guard([this, id] {
      exporters_.erase(id);
      spdlog::info("{}: the evidence folder is complete", id);
      std::vector<std::function<void()>> waiting;
      waiting.swap(waiting_for_export_[id]);
      for (const auto& answer : waiting) answer();
    }));
  });
  exporter->Start();
}

// --- voting ---

StatusOr<recovery::v1::IncidentView> Orchestrator::SubmitVote(const std::string& caller,
                                                              const recovery::v1::SubmitVoteRequest& request) {
  const auto person = PersonOf(trust_->policy(), caller);
  const Status voted = person.ok() ? DoVote(**person, request) : person.status();
  const Incident* incident = book_->Find(request.incident());
  StatusOr<recovery::v1::IncidentView> result =
      voted.ok() ? StatusOr<recovery::v1::IncidentView>(ViewOf(*incident)) : voted;
  return Noted(incident == nullptr ? "" : incident->state.id, caller, "SubmitVote", std::move(result));
}

Status Orchestrator::DoVote(const procedures::Person& person, const recovery::v1::SubmitVoteRequest& request) {
  SMKI_ASSIGN_OR_RETURN(Incident * incident, Must(request.incident()));
  if (request.signature().empty())
    return procedures::Refuse(Reason::kDIRECTION_UNSIGNED, "the vote carries no signature");
  DirectionAction* action = runner_->TakesVotes(*incident);
  if (action == nullptr) {
    const bool decided = incident->state.outputs.count("direction.digest") > 0;
    return procedures::Refuse(decided ? Reason::kSTEP_ALREADY_DONE : Reason::kNO_DIRECTION,
                              incident->state.id + " is not waiting for votes");
  }
  if (!request.rejection().empty() && !request.casting_vote().empty())
    return procedures::Refuse(Reason::kBAD_REQUEST, "a vote is a rejection or a casting vote, not both");
  const DirectionAction::Kind kind = !request.casting_vote().empty() ? DirectionAction::Kind::kCastingVote
                                     : !request.rejection().empty()  ? DirectionAction::Kind::kRejection
                                                                     : DirectionAction::Kind::kApproval;
  return action->TakeVote(
      kind, {person.id, request.rejection() + request.casting_vote(), ToBytes(AsBytes(request.signature()))});
}

// --- reading ---

StatusOr<recovery::v1::IncidentView> Orchestrator::GetIncident(const std::string& caller, const std::string& incident) {
  SMKI_ASSIGN_OR_RETURN(const Incident* found, Readable(caller, incident, "GetIncident"));
  return ViewOf(*found);
}

StatusOr<recovery::v1::ListIncidentsResponse> Orchestrator::ListIncidents(const std::string& caller) {
  if (const auto person = PersonOf(trust_->policy(), caller); !person.ok()) {
    return Noted<recovery::v1::ListIncidentsResponse>("", caller, "ListIncidents", person.status());
  }
  recovery::v1::ListIncidentsResponse response;
  for (const auto& incident : book_->incidents()) *response.add_incidents() = ViewOf(*incident);
  return response;
}

StatusOr<recovery::v1::DirectionView> Orchestrator::GetDirection(const std::string& caller, const std::string& incident,
                                                                 bool votes_only) {
  SMKI_ASSIGN_OR_RETURN(const Incident* found, Readable(caller, incident, "GetDirection"));
  SMKI_ASSIGN_OR_RETURN(const DirectedUse use,
                        votes_only ? LoadDirection(*book_, *found) : LoadDirectedUse(*book_, *found));
  recovery::v1::DirectionView view;
  view.set_direction(use.text);
  for (const Vote& vote : use.approvals) {
    view.add_approvals(ToString(vote.cms));
    view.add_approved_by(vote.person);
  }
  for (const auto& [group, file] : use.populations) {
    recovery::v1::Blob& blob = *view.add_populations();
    blob.set_name(group);
    blob.set_octets(ToString(file));
  }
  for (const auto& [digest, der] : use.certificates) {
    recovery::v1::Blob& blob = *view.add_certificates();
    blob.set_name(ToHex(digest));
    blob.set_octets(ToString(der));
  }
  for (const Vote& rejection : use.rejections) {
    recovery::v1::Rejection& one = *view.add_rejections();
    one.set_person(rejection.person);
    const auto reason = found->state.rejections.find(rejection.person);
    if (reason != found->state.rejections.end()) one.set_reason(reason->second);
    one.set_document(rejection.text);
    one.set_signature(ToString(rejection.cms));
  }
  if (use.cast) {
    view.mutable_casting_vote()->set_document(use.cast->text);
    view.mutable_casting_vote()->set_signature(ToString(use.cast->cms));
  }
  if (!votes_only) view.set_repository(site_.store);
  view.set_approvals_needed(static_cast<uint32_t>(trust_->policy().approvals_needed));
  return view;
}

StatusOr<recovery::v1::CampaignProgress> Orchestrator::GetProgress(const std::string& caller,
                                                                   const std::string& incident) {
  SMKI_ASSIGN_OR_RETURN(const Incident* found, Readable(caller, incident, "GetProgress"));
  return ProgressOf(*found);
}

StatusOr<recovery::v1::ServerInfo> Orchestrator::GetServerInfo(const std::string& caller) {
  if (const auto person = PersonOf(trust_->policy(), caller); !person.ok()) {
    return Noted<recovery::v1::ServerInfo>("", caller, "GetServerInfo", person.status());
  }
  recovery::v1::ServerInfo info;
  info.set_environment(trust_->policy().environment.kind);
  info.set_estate(trust_->policy().environment.estate);
  info.set_policy_digest(ToString(trust_->policy_digest()));
  info.set_ledger_entries(book_->ledger().head().entries);
  info.set_ledger_head(ToString(book_->ledger().head().hash));
  return info;
}

Orchestrator::NoticeId Orchestrator::OnNewEntries(std::function<void()> notice) {
  const NoticeId id = next_notice_++;
  notices_[id] = std::move(notice);
  return id;
}

}  // namespace smki::orchestrator
