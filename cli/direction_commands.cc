// smkictl direction ...: a PMA member reads, signs, refuses or stops what the Recovery key is to be used for.
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "cli/brief.h"
#include "cli/consent.h"
#include "cli/direction_acts.h"
#include "cli/incident_acts.h"
#include "cli/incident_text.h"
#include "pki/digest.h"
#include "procedures/population.h"

namespace smki::cli {
namespace {

using keyguard::v1::KeyguardPersons;
using recovery::v1::DirectionView;
using recovery::v1::IncidentView;

constexpr size_t kMaxPopulationFile = size_t{1} << 30;
constexpr size_t kMaxRunbookFile = 1 << 20;

struct Sources {
  std::string incident;
  std::string file;  // the Direction
  std::vector<std::string> populations;
  std::string repository;
  std::string runbook;
};

void AddSources(CLI::App& sub, Sources& sources) {
  sub.add_option("--incident", sources.incident, "incident id; without it the newest");
  sub.add_option("--direction,--file", sources.file,
                 "read the Direction from this file instead of asking the orchestrator");
}

// The Direction's exact octets, from the file or from the orchestrator.
StatusOr<Bytes> DirectionOctets(Person& person, const Sources& sources) {
  if (!sources.file.empty()) return ReadInput(sources.file, procedures::kMaxDocument);
  SMKI_ASSIGN_OR_RETURN(const DirectionView view, FetchDirection(person, sources.incident));
  return ToBytes(AsBytes(view.direction()));
}

Status Review(const Command& command, const Sources& sources) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  BriefInputs inputs;
  inputs.policy = &person.policy();
  inputs.reader = person.id();
  inputs.now = SystemClock().Now();
  std::string repository = sources.repository;
  if (sources.file.empty() || sources.populations.empty() || repository.empty()) {
    // What the orchestrator hands over is compared with the digests of the Direction.
    SMKI_ASSIGN_OR_RETURN(const DirectionView view, FetchDirection(person, sources.incident));
    inputs.direction = ToBytes(AsBytes(view.direction()));
    for (const auto& population : view.populations())
      inputs.populations[population.name()] = ToBytes(AsBytes(population.octets()));
    for (const auto& certificate : view.certificates())
      inputs.certificates.push_back(ToBytes(AsBytes(certificate.octets())));
    procedures::SignedVotes votes = VotesOf(view);
    inputs.approvals = std::move(votes.approvals);
    for (procedures::SignedText& no : votes.rejections)
      inputs.rejections.emplace_back(ToBytes(AsBytes(no.text)), std::move(no.cms));
    inputs.runbook = ToBytes(AsBytes(view.runbook()));
    SMKI_ASSIGN_OR_RETURN(inputs.earlier, JudgeEarlier(person, view));
    inputs.earlier_left_out = view.earlier_left_out();
    if (repository.empty()) repository = view.repository();
    inputs.incident = sources.incident;
  }
  if (!sources.file.empty()) {
    SMKI_ASSIGN_OR_RETURN(inputs.direction, ReadInput(sources.file, procedures::kMaxDocument));
  }
  if (!sources.runbook.empty()) {
    SMKI_ASSIGN_OR_RETURN(inputs.runbook, ReadInput(sources.runbook, kMaxRunbookFile));
  }
  if (!sources.populations.empty()) inputs.populations.clear();
  for (const std::string& file : sources.populations) {
    SMKI_ASSIGN_OR_RETURN(Bytes octets, ReadInput(file, kMaxPopulationFile));
    const auto population = procedures::ParsePopulation(octets);
    if (!population.ok()) return WithContext(population.status(), file);
    inputs.populations[population->group] = std::move(octets);
  }
  std::unique_ptr<repository::Store> store;
  if (!repository.empty()) {
    SMKI_ASSIGN_OR_RETURN(store, repository::Store::Open(repository));
    inputs.store = store.get();
  }
  const auto verifier = person.MakeVerifier(inputs.now);
  if (verifier.ok()) inputs.verifier = &*verifier;
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<Brief> brief, ComputeBrief(inputs));
  if (command.json()) {
    command.Print(BriefJson(*brief));
    return OkStatus();
  }
  std::string out = BriefText(*brief, command.style());
  if (!verifier.ok()) out += Fact("", "Approvals so far could not be judged: " + Message(verifier.status()), 13);
  const std::string digest = ToHex(pki::Sha256(inputs.direction)).substr(0, 16);
  const char* const refuse = "ask about every STOP first; to refuse:  smkictl direction reject --reason \"...\"";
  const std::string next =
      person.policy().chair == person.id()
          ? "on a tie you decide:  smkictl direction cast --for approve|reject --reason \"...\" "
            "--digest " +
                digest + ";  who voted:  smkictl direction votes"
      : brief->grave() ? refuse
                       : "to approve what you have read, thing by thing:  smkictl direction sign --digest " + digest;
  out += Fact("next", next, 13);
  command.Print(out);
  return OkStatus();
}

struct SignOptions {
  Sources sources;
  std::string out, reason;
  ReadBack read_back;
  std::vector<std::string> consents;  // names of what is consented to
  bool no_submit = false;
};

// The Direction's octets, which this person is to vote on: of their own estate (I8), and theirs to vote on.
struct Votable {
  Bytes octets;
  procedures::Direction direction;
};
StatusOr<Votable> ReadVotable(Person& person, const Sources& sources) {
  Votable out;
  SMKI_ASSIGN_OR_RETURN(out.octets, DirectionOctets(person, sources));
  SMKI_ASSIGN_OR_RETURN(out.direction, procedures::ParseDirection(AsText(out.octets)));
  SMKI_RETURN_IF_ERROR(CheckEnvironment(person, out.direction));
  if (person.policy().SeatOf(person.id()) == nullptr) {
    return procedures::Refuse(
        procedures::Reason::kAPPROVAL_NOT_A_MEMBER,
        fmt::format("{} has no PMA seat in {}; nothing was signed", person.id(), person.site().policy));
  }
  return out;
}

void ShowVote(const Command& command, const char* verb, const procedures::Direction& direction, const Digest& digest,
              const SignOptions& options, const std::optional<IncidentView>& view) {
  if (command.json()) {
    Json out = {
        {"verb", verb}, {"direction", direction.id}, {"sha256", ToHex(digest)}, {"submitted", view.has_value()}};
    if (!options.out.empty()) out["file"] = options.out;
    if (view) out["incident"] = StatusJson(*view);
    command.Print(out);
    return;
  }
  std::string out = command.style().Good(verb) + "  " + direction.id + "\n" + Fact("SHA-256", ToHex(digest), 10);
  if (!options.out.empty()) out += Fact("written", options.out, 10);
  out += view ? Fact("next", "nothing more from you; follow it with  smkictl incident watch", 10)
              : Fact("next", "not submitted; hand " + options.out + " to the incident team", 10);
  command.Print(out);
}

Status Sign(const Command& command, const SignOptions& options) {
  if (!options.out.empty() && PosixFiles().Exists(options.out)) {
    return FailedPrecondition("{} is there already and is not overwritten; nothing was signed. Next: name a new file",
                              options.out);
  }
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Votable votable, ReadVotable(person, options.sources));
  const auto& [octets, direction] = votable;
  const Digest digest = pki::Sha256(octets);
  const auto confirm = [&] { return Confirm(command, options.read_back, "Direction " + direction.id, digest); };
  const bool named = !options.read_back.digest.empty();
  if (named) SMKI_RETURN_IF_ERROR(confirm());  // nobody is asked about another one than they read
  SMKI_RETURN_IF_ERROR(Consent(command, direction, options.consents));
  if (!named) SMKI_RETURN_IF_ERROR(confirm());
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(octets, procedures::ApprovalHint(direction.id)));
  if (!options.out.empty()) SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(options.out, signature));
  std::optional<IncidentView> view;
  if (!options.no_submit) {
    SMKI_ASSIGN_OR_RETURN(view, SubmitVote(person, direction.incident, Ballot::kApproval, "", signature));
  }
  ShowVote(command, "approved", direction, digest, options, view);
  return OkStatus();
}

Status Reject(const Command& command, const SignOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Votable votable, ReadVotable(person, options.sources));
  const auto& [octets, direction] = votable;
  procedures::Rejection rejection;
  rejection.environment = person.policy().environment;
  rejection.direction = pki::Sha256(octets);
  rejection.person = person.id();
  rejection.reason = procedures::CleanText(options.reason);
  const std::string document = procedures::Render(rejection);
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(document), procedures::kRejectionHint));
  SMKI_ASSIGN_OR_RETURN(const IncidentView view,
                        SubmitVote(person, direction.incident, Ballot::kRejection, document, signature));
  ShowVote(command, "rejected", direction, rejection.direction, options, view);
  return OkStatus();
}

// Which Direction an order is about: the file's, or the one the keyguard says it has.
StatusOr<Digest> OrderedDirection(Person& person, const Sources& sources) {
  if (!sources.file.empty()) {
    SMKI_ASSIGN_OR_RETURN(const Bytes octets, ReadInput(sources.file, procedures::kMaxDocument));
    SMKI_ASSIGN_OR_RETURN(const procedures::Direction direction, procedures::ParseDirection(AsText(octets)));
    SMKI_RETURN_IF_ERROR(CheckEnvironment(person, direction));
    return pki::Sha256(octets);
  }
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::Status status;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetStatus, keyguard::v1::GetStatusRequest(),
                                        status, kCallDeadline));
  if (status.direction_digest().size() != Digest().size()) {
    return FailedPrecondition("the keyguard has no Direction now; name the one you mean with --file");
  }
  return DigestFromHex(ToHex(AsBytes(status.direction_digest()))).value();
}

Status Order(const Command& command, const std::string& verb, const SignOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  procedures::PmaOrder order;
  order.order = verb;
  order.environment = person.policy().environment;
  SMKI_ASSIGN_OR_RETURN(order.direction, OrderedDirection(person, options.sources));
  order.person = person.id();
  const UtcTime now = SystemClock().Now();
  order.time = {now.ms - now.ms % 1000};
  order.reason = procedures::CleanText(options.reason);
  const std::string document = procedures::Render(order);
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(document), procedures::kOrderHint));
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::OrderRequest request;
  request.set_order(document);
  request.set_signature(ToString(signature));
  keyguard::v1::OrderResponse response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::Order, request, response, kCallDeadline));
  if (command.json()) {
    command.Print(
        Json{{"order", verb}, {"direction", ToHex(order.direction)}, {"state", StateWord(response.status().state())}});
    return OkStatus();
  }
  const char* next = verb == "halt"
                         ? "the key is closed; to go on takes the PMA's quorum (direction resume) and a ceremony"
                     : verb == "withdraw" ? "this Direction is over; going on takes a new one"
                                          : "with the PMA's quorum of resume orders a ceremony may open the key again";
  command.Print(command.style().Good("ordered") + "  " + verb + "\n" + Fact("direction", ToHex(order.direction), 10) +
                Fact("key", StateWord(response.status().state()), 10) + Fact("next", next, 10));
  return OkStatus();
}

void AddOrder(CLI::App& group, Command& command, const std::string& verb, const char* help) {
  CLI::App* sub = group.add_subcommand(verb, help);
  auto options = std::make_shared<SignOptions>();
  sub->add_option("--direction,--file", options->sources.file,
                  "the Direction's file; without it the one the keyguard has");
  sub->add_option("--reason", options->reason, "why; it is signed")->required();
  sub->callback([&command, verb, options] { command.Run([&] { return Order(command, verb, *options); }); });
}

}  // namespace

void AddDirectionCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("direction", "what the PMA directs a key to be used for");
  group->require_subcommand(1);

  CLI::App* review =
      group->add_subcommand("review", "the brief: who, what, how much, computed here and not by the orchestrator");
  auto sources = std::make_shared<Sources>();
  AddSources(*review, *sources);
  review->add_option("--population", sources->populations, "population files of the groups");
  review->add_option("--repository", sources->repository, "store of the rebuilt Repository");
  review->add_option("--runbook", sources->runbook,
                     "the runbook that the Direction names: which factors are mandatory");
  review->callback([&command, sources] { command.Run([&] { return Review(command, *sources); }); });

  CLI::App* sign = group->add_subcommand("sign", "approve: sign the Direction's exact octets");
  auto options = std::make_shared<SignOptions>();
  AddSources(*sign, options->sources);
  CLI::Option* out =
      sign->add_option("--out", options->out, "also write the signature (detached CMS, DER) to this new file");
  sign->add_option("--digest", options->read_back.digest, "sign only if the SHA-256 begins so (8 characters or more)");
  sign->add_option("--yes", options->consents,
                   "consent without being asked to each of these, which are all there is: " + ConsentNames())
      ->delimiter(',');
  sign->add_flag("--no-submit", options->no_submit, "only write --out")->needs(out);
  sign->callback([&command, options] { command.Run([&] { return Sign(command, *options); }); });

  CLI::App* reject = group->add_subcommand("reject", "say no, with the reason");
  auto no = std::make_shared<SignOptions>();
  AddSources(*reject, no->sources);
  reject->add_option("--reason", no->reason, "why not; it is signed")->required();
  reject->callback([&command, no] { command.Run([&] { return Reject(command, *no); }); });

  AddVoteCommands(*group, command);
  AddOrder(*group, command, "halt", "stop now: the key is closed at once (one member is enough)");
  AddOrder(*group, command, "withdraw", "take the Direction back for good");
  AddOrder(*group, command, "resume", "allow going on after a halt (takes the quorum)");
}

}  // namespace smki::cli
