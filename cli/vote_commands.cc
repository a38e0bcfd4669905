// smkictl direction cast, votes: the Chair decides a tie; everybody sees who did what.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/clock.h"
#include "cli/direction_acts.h"
#include "cli/incident_text.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

using procedures::Reason;

struct CastOptions {
  std::string incident, decision, reason;
  ReadBack read_back;
};

std::vector<Digest> Listed(const std::vector<procedures::Vote>& votes) {
  std::vector<Digest> out;
  for (const procedures::Vote& vote : votes) out.push_back(vote.digest);
  std::sort(out.begin(), out.end());
  return out;
}

std::string Names(const std::vector<procedures::Vote>& votes) {
  std::string out;
  for (const procedures::Vote& vote : votes) out += (out.empty() ? "" : ", ") + vote.finding.person;
  return out.empty() ? "nobody" : out;
}

// Written over exactly the votes that this person's own policy finds good, and judged as everybody else will: what
// would decide nothing is never signed.
StatusOr<procedures::CastingVote> WriteCastingVote(const Person& person, const CastOptions& options,
                                                   const procedures::Direction& direction, const Digest& digest,
                                                   procedures::Votes& votes, UtcTime now) {
  procedures::CastingVote out;
  out.environment = person.policy().environment;
  out.direction = digest;
  out.person = person.id();
  out.decision = options.decision;
  out.approvals = Listed(votes.approvals);
  out.rejections = Listed(votes.rejections);
  out.time = {now.ms - now.ms % 1000};
  out.reason = procedures::CleanText(options.reason);
  votes.cast = procedures::Cast{out, {std::nullopt, "", person.id(), out.time}};
  const Status judged = procedures::JudgeVotes(person.policy(), direction, digest, votes, now);
  if (!judged.ok() && !procedures::IsRefusal(judged, Reason::kDIRECTION_REJECTED)) return judged;
  SMKI_RETURN_IF_ERROR(procedures::ParseCastingVote(procedures::Render(out)).status());
  return out;
}

Status Cast(const Command& command, const CastOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  if (person.policy().chair != person.id()) {
    return procedures::Refuse(Reason::kCASTING_VOTE_NOT_BY_CHAIR,
                              fmt::format("the Chair of {} is {}; nothing was signed", person.site().policy,
                                          person.policy().chair.value_or("nobody")));
  }
  SMKI_ASSIGN_OR_RETURN(const recovery::v1::DirectionView view, FetchDirection(person, options.incident, true));
  SMKI_ASSIGN_OR_RETURN(const procedures::Direction direction, procedures::ParseDirection(view.direction()));
  SMKI_RETURN_IF_ERROR(CheckEnvironment(person, direction));
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  procedures::SignedVotes given = VotesOf(view);
  given.cast.reset();
  SMKI_ASSIGN_OR_RETURN(procedures::Votes votes, procedures::VerifyVotes(person.policy(), verifier, direction,
                                                                         AsBytes(view.direction()), given, now));
  const Digest digest = pki::Sha256(view.direction());
  SMKI_ASSIGN_OR_RETURN(const procedures::CastingVote vote,
                        WriteCastingVote(person, options, direction, digest, votes, now));
  const std::string sides = fmt::format("for: {}; against: {}", Names(votes.approvals), Names(votes.rejections));
  SMKI_RETURN_IF_ERROR(Confirm(command, options.read_back,
                               fmt::format("your casting vote to {} {} ({})", options.decision, direction.id, sides),
                               digest));
  const std::string document = procedures::Render(vote);
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(document), procedures::kCastingVoteHint));
  SMKI_ASSIGN_OR_RETURN(const recovery::v1::IncidentView after,
                        SubmitVote(person, direction.incident, Ballot::kCastingVote, document, signature));
  if (command.json()) {
    command.Print(Json{{"verb", "cast"},
                       {"decision", options.decision},
                       {"direction", direction.id},
                       {"sha256", ToHex(digest)},
                       {"incident", StatusJson(after)}});
    return OkStatus();
  }
  command.Print(command.style().Good("cast") + "  to " + options.decision + " " + direction.id + "\n" +
                Fact("SHA-256", ToHex(digest), 10) + Fact("votes", sides, 10) +
                Fact("next",
                     options.decision == "approve" ? "nothing more from you; follow it with  smkictl incident watch"
                                                   : "this Direction is rejected for good; going on takes a new one",
                     10));
  return OkStatus();
}

Status ShowVotes(const Command& command, const std::string& incident) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const recovery::v1::DirectionView view, FetchDirection(person, incident, true));
  SMKI_ASSIGN_OR_RETURN(const PmaActs acts, FetchActs(person, view));
  command.json() ? command.Print(PmaActsJson(acts)) : command.Print(PmaActsText(acts, command.style()));
  return OkStatus();
}

}  // namespace

void AddVoteCommands(CLI::App& group, Command& command) {
  CLI::App* cast = group.add_subcommand("cast", "the Chair decides a tie; lists the votes of both sides");
  auto options = std::make_shared<CastOptions>();
  cast->add_option("--incident", options->incident, "incident id; without it the newest");
  cast->add_option("--for", options->decision, "what the Chair decides")
      ->required()
      ->check(CLI::IsMember({"approve", "reject"}));
  cast->add_option("--reason", options->reason, "why; it is signed")->required();
  CLI::Option* digest = cast->add_option("--digest", options->read_back.digest,
                                         "SHA-256 of the Direction you reviewed (8 digits or more)");
  cast->add_flag("--yes", options->read_back.yes, "do not ask; for scripts")->excludes(digest);
  cast->callback([&command, options] { command.Run([&] { return Cast(command, *options); }); });

  CLI::App* votes = group.add_subcommand("votes", "every act of the PMA about it: who, when, what, whether it counts");
  auto incident = std::make_shared<std::string>();
  votes->add_option("--incident", *incident, "incident id; without it the newest");
  votes->callback([&command, incident] { command.Run([&] { return ShowVotes(command, *incident); }); });
}

}  // namespace smki::cli
