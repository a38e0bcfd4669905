#include "cli/direction_acts.h"

#include <iostream>

#include "base/clock.h"
#include "pki/digest.h"

namespace smki::cli {

using keyguard::v1::KeyguardPersons;
using recovery::v1::Recovery;

namespace {
// A page is not held up by a keyguard that hangs.
constexpr Millis kOrdersDeadline{5000};

StatusOr<keyguard::v1::Status> FetchOrders(Person& person, const recovery::v1::DirectionView& view) {
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::GetStatusRequest request;
  request.set_orders_of(ToString(pki::Sha256(view.direction())));
  keyguard::v1::Status out;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetStatus, request, out, kOrdersDeadline));
  return out;
}
}  // namespace

StatusOr<recovery::v1::DirectionView> FetchDirection(Person& person, const std::string& incident, bool votes_only) {
  SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person.Orchestrator());
  recovery::v1::GetDirectionRequest request;
  request.set_incident(incident);
  request.set_votes_only(votes_only);
  recovery::v1::DirectionView view;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &Recovery::Stub::GetDirection, request, view, kCallDeadline));
  if (view.direction().empty()) return NotFound("no Direction has been drafted yet; see smkictl incident next");
  return view;
}

StatusOr<PmaActs> FetchActs(Person& person, const recovery::v1::DirectionView& view) {
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  return JudgeActs(person.policy(), verifier, view, FetchOrders(person, view), now);
}

StatusOr<std::vector<EarlierUse>> JudgeEarlier(Person& person, const recovery::v1::DirectionView& view) {
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  std::vector<EarlierUse> out;
  Status answers;
  for (const recovery::v1::DirectionView& earlier : view.earlier()) {
    EarlierUse& use = out.emplace_back();
    SMKI_ASSIGN_OR_RETURN(use.direction, procedures::ParseDirection(earlier.direction()));
    const auto orders = answers.ok() ? FetchOrders(person, earlier) : answers;
    answers = orders.status();
    SMKI_ASSIGN_OR_RETURN(use.acts, JudgeActs(person.policy(), verifier, earlier, orders, now));
  }
  return out;
}

StatusOr<recovery::v1::IncidentView> SubmitVote(Person& person, const std::string& incident, Ballot ballot,
                                                const std::string& document, const Bytes& signature) {
  SMKI_ASSIGN_OR_RETURN(Recovery::Stub * stub, person.Orchestrator());
  recovery::v1::SubmitVoteRequest request;
  request.set_incident(incident);
  if (ballot == Ballot::kRejection) request.set_rejection(document);
  if (ballot == Ballot::kCastingVote) request.set_casting_vote(document);
  request.set_signature(ToString(signature));
  recovery::v1::IncidentView view;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &Recovery::Stub::SubmitVote, request, view, kCallDeadline));
  return view;
}

Status CheckEnvironment(const Person& person, const procedures::Direction& direction) {
  if (direction.environment == person.policy().environment) return OkStatus();
  return procedures::Refuse(
      procedures::Reason::kENVIRONMENT_MISMATCH,
      fmt::format("{} is for {}, your trust policy {} for {}; nothing was signed", direction.id,
                  direction.environment.ToString(), person.site().policy, person.policy().environment.ToString()));
}

Status Confirm(const Command& command, const ReadBack& given, const std::string& what, const Digest& digest) {
  const std::string hex = ToHex(digest);
  if (!given.digest.empty()) {
    if (given.digest.size() < 8 || hex.rfind(given.digest, 0) != 0) {
      return FailedPrecondition("this is {} with SHA-256 {}, not {}; nothing was signed. Review it again", what, hex,
                                given.digest);
    }
    return OkStatus();
  }
  if (given.yes) return OkStatus();
  if (!command.can_ask()) {
    return FailedPrecondition(
        "nobody can be asked here (standard input and output are not both a terminal, or the output is json); nothing "
        "was signed. Next: review it, then give --digest {} for {}",
        hex.substr(0, 16), what);
  }
  command.Print(Fact("document", what, 10) + Fact("SHA-256", hex, 10) +
                "  Type the first 8 characters of the SHA-256 to sign, anything else to leave: ");
  std::string answer;
  std::getline(std::cin, answer);
  if (answer != hex.substr(0, 8)) return FailedPrecondition("not confirmed; nothing was signed");
  return OkStatus();
}

}  // namespace smki::cli
