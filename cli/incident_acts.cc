#include "cli/incident_acts.h"

#include "base/clock.h"
#include "base/random.h"
#include "pki/digest.h"
#include "proto/rpc/channel.h"

namespace smki::cli {
namespace {

using recovery::v1::IncidentView;
using recovery::v1::Recovery;

constexpr size_t kLeastDigits = 8;

}  // namespace

procedures::Statement StatementFor(const Person& person, const Act& act, uint64_t expected, UtcTime now) {
  procedures::Statement statement;
  statement.environment = person.policy().environment;
  statement.incident = act.incident;
  statement.step = act.step;
  statement.verb = act.verb;
  statement.choice = act.choice;
  statement.expected_sequence = expected;
  statement.person = person.id();
  statement.time = {now.ms - now.ms % 1000};  // canonical text has whole seconds
  statement.text = procedures::CleanText(act.text);
  if (!act.deviation.empty()) statement.deviation = act.deviation;
  if (!act.not_after.empty()) statement.not_after = act.not_after;
  if (!act.runbook.empty()) statement.runbook = DigestFromHex(act.runbook).value_or(Digest{});
  if (!act.witness.empty()) statement.witness = procedures::CleanText(act.witness);
  return statement;
}

StatusOr<IncidentView> FetchIncident(Person& person, const std::string& incident) {
  SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person.Orchestrator());
  recovery::v1::GetIncidentRequest request;
  request.set_incident(incident);
  IncidentView view;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &Recovery::Stub::GetIncident, request, view, kCallDeadline));
  return view;
}

StatusOr<IncidentView> Perform(Person& person, const Act& act) {
  SMKI_ASSIGN_OR_RETURN(const IncidentView page, FetchIncident(person, act.incident));
  Act named = act;
  named.incident = page.incident();
  const uint64_t expected = act.expected.value_or(page.sequence());

  recovery::v1::ActRequest request;
  request.set_incident(named.incident);
  if (named.step != kNoStep) request.set_step(named.step);
  request.set_verb(named.verb);
  if (named.choice != kNoChoice) request.set_choice(named.choice);
  const procedures::Quoted text = procedures::CleanText(named.text);
  request.set_text(text.text);
  request.set_deviation(named.deviation);
  request.set_not_after(named.not_after);
  request.set_runbook(named.runbook);
  request.set_witness(named.witness);
  request.set_expected_sequence(expected);
  if (named.verb != "start") {
    const std::string document = procedures::Render(StatementFor(person, named, expected, SystemClock().Now()));
    SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(document), ""));
    request.set_statement(document);
    request.set_signature(ToString(signature));
  }
  SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person.Orchestrator());
  IncidentView view;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &Recovery::Stub::Act, request, view, kCallDeadline));
  return view;
}

StatusOr<DeviationApproval> ApprovalOf(const IncidentView& view, const std::string& digest) {
  const recovery::v1::DeviationView* found = nullptr;
  for (const recovery::v1::DeviationView& one : view.deviations()) {
    if (digest.size() < kLeastDigits || one.digest().rfind(digest, 0) != 0) continue;
    if (found != nullptr) return InvalidArgument("two deviations begin with {}: give more digits of it", digest);
    found = &one;
  }
  if (found == nullptr)
    return NotFound("{} has no deviation {}. Next: smkictl incident status shows those that were asked for",
                    view.incident(), digest);
  if (ToHex(pki::Sha256(AsBytes(found->request()))) != found->digest())
    return DataLoss(
        "the request that the orchestrator shows is not the one with SHA-256 {}: approve nothing, and tell "
        "the other leads",
        found->digest());
  DeviationApproval out;
  SMKI_ASSIGN_OR_RETURN(out.request, procedures::ParseStatement(found->request()));
  if (out.request.verb != "deviate" || out.request.incident != view.incident())
    return DataLoss("{} is no request for a deviation of {}", found->digest(), view.incident());
  out.act.incident = view.incident();
  out.act.step = out.request.step;
  out.act.verb = "approve";
  out.act.choice = found->digest();
  out.act.expected = view.sequence();
  return out;
}

StatusOr<IncidentView> OpenIncident(Person& person, const Opening& opening) {
  Act act;
  act.incident = kNewIncident;
  act.verb = "open";
  act.text = opening.what;
  const UtcTime now = SystemClock().Now();
  const std::string document = procedures::Render(StatementFor(person, act, 0, now));
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(document), ""));

  recovery::v1::OpenIncidentRequest request;
  request.set_runbook(opening.runbook);
  request.mutable_notification()->set_party(opening.party);
  request.mutable_notification()->set_organisation(opening.organisation.value());
  request.mutable_notification()->set_what(procedures::CleanText(opening.what).text);
  request.mutable_notification()->set_reported_by(person.id());
  request.mutable_notification()->set_successor(opening.successor);
  request.mutable_notification()->set_successor_organisation(opening.successor_organisation.value());
  request.mutable_notification()->set_received(FormatTime(now));
  request.set_statement(document);
  request.set_signature(ToString(signature));
  request.set_request_id(opening.request_id.empty() ? ToHex(SystemRandom().Take(16)) : opening.request_id);
  SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person.Orchestrator());
  IncidentView view;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &Recovery::Stub::OpenIncident, request, view, kCallDeadline));
  return view;
}

}  // namespace smki::cli
