// smkictl custody ...: who holds the shares of a key, and changing that between incidents (docs/formats/
// custody-change.md): draft, sign, begin; receive and confirm by each new custodian; show, verify.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "base/usage.h"
#include "cli/command.h"
#include "cli/margin.h"
#include "pki/digest.h"
#include "procedures/evidence/custody_change.h"

namespace smki::cli {
namespace {

using keyguard::v1::Custody;
using keyguard::v1::KeyguardPersons;
using procedures::CustodyChange;

constexpr size_t kMaxFile = 1 << 20;
constexpr size_t kShortDigest = 16;

std::string Joined(const std::vector<std::string>& names) {
  return names.empty() ? "nobody" : fmt::format("{}", fmt::join(names, ", "));
}
std::vector<std::string> CustodiansOf(const procedures::KeyCustody& custody) {
  std::vector<std::string> out;
  for (const procedures::CustodianShare& share : custody.custodians) out.push_back(share.person);
  return out;
}

// --- draft ---

struct DraftOptions {
  std::string key = "recovery", change, rationale, validity = "P7D", out;
  std::vector<std::string> add, remove;
  uint64_t threshold = 0;  // 0: as it is
  // One whom the policy does not know yet.
  std::string id, name, organisation, sign_certificate, agree_certificate;
};

StatusOr<procedures::Person> Newcomer(const DraftOptions& options) {
  const auto read = [](const std::string& path) -> StatusOr<procedures::Base64> {
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, kMaxFile));
    auto certificate = pki::Certificate::FromPem(AsText(pem));
    if (!certificate.ok()) return WithContext(certificate.status(), path);
    return procedures::Base64{certificate->der()};
  };
  procedures::Person person;
  person.id = options.id;
  person.name = procedures::CleanText(options.name);
  person.organisation = options.organisation;
  person.roles = {"key-custodian"};
  SMKI_ASSIGN_OR_RETURN(person.signing_certificate, read(options.sign_certificate));
  SMKI_ASSIGN_OR_RETURN(person.agreement_certificate, read(options.agree_certificate));
  return person;
}

StatusOr<CustodyChange> MakeDraft(const Person& person, const DraftOptions& options) {
  const procedures::KeyCustody* const custody = person.policy().FindKey(options.key);
  if (custody == nullptr) {
    return FailedPrecondition("the trust policy knows no key '{}'. Next: look with smkictl policy show", options.key);
  }
  const auto validity = ParseDuration(options.validity);
  if (!validity) return InvalidArgument("--validity {}: expected an ISO 8601 duration such as P7D", options.validity);
  CustodyChange change;
  const UtcTime now{SystemClock().Now().ms / 1000 * 1000};
  change.nonce = ToHex(SystemRandom().Take(16));
  change.id = fmt::format("CUS-{}-{}", FormatDate(now).substr(0, 4), change.nonce.substr(0, 8));
  change.environment = person.policy().environment;
  change.key = options.key;
  change.change = options.change;
  change.policy_version = person.policy().version;
  change.policy = person.policy_digest();
  change.threshold = options.threshold != 0 ? options.threshold : custody->threshold;
  for (const std::string& holder : CustodiansOf(*custody)) {
    if (std::find(options.remove.begin(), options.remove.end(), holder) == options.remove.end()) {
      change.custodians.push_back(holder);
    }
  }
  change.custodians.insert(change.custodians.end(), options.add.begin(), options.add.end());
  if (!options.id.empty()) {
    SMKI_ASSIGN_OR_RETURN(change.persons.emplace_back(), Newcomer(options));
    change.custodians.push_back(options.id);
  }
  change.requested_by = person.id();
  change.drafted = now;
  change.not_after = now + *validity;
  change.rationale = procedures::CleanText(options.rationale);
  // What the signer would refuse is said now.
  SMKI_ASSIGN_OR_RETURN(change, procedures::ParseCustodyChange(Render(change)));
  SMKI_RETURN_IF_ERROR(procedures::JudgeCustodyChange(person.policy(), person.policy_digest(), change, now));
  SMKI_ASSIGN_OR_RETURN(
      const procedures::TrustPolicy next,
      procedures::ChangedPolicy(person.policy(), change, std::vector<Digest>(change.custodians.size()), now));
  SMKI_RETURN_IF_ERROR(procedures::PolicyVerifier::Make(next).status());
  return change;
}

Json ChangeJson(const CustodyChange& change, const Digest& digest) {
  return {{"id", change.id},
          {"sha256", ToHex(digest)},
          {"environment", change.environment.ToString()},
          {"key", change.key},
          {"change", change.change},
          {"policy", {{"version", change.policy_version}, {"sha256", ToHex(change.policy)}}},
          {"threshold", change.threshold},
          {"custodians", change.custodians},
          {"requested_by", change.requested_by},
          {"not_after", FormatTime(change.not_after)},
          {"rationale", change.rationale.text}};
}

std::string ChangeText(const Person& person, const CustodyChange& change, const Digest& digest, const Style& style) {
  std::string out = style.Strong("Custody change " + change.id) + "  " + change.environment.ToString() + "\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, Printable(text), 13); };
  fact("SHA-256", ToHex(digest));
  fact("changes", fmt::format("who holds the shares of the {} key: {}", change.key, change.change));
  const procedures::KeyCustody* const custody = person.policy().FindKey(change.key);
  if (custody != nullptr) {
    fact("until now",
         fmt::format("{} of {}: {}", custody->threshold, custody->custodians.size(), Joined(CustodiansOf(*custody))));
  }
  fact("from then on",
       fmt::format("{} of {}: {}", change.threshold, change.custodians.size(), Joined(change.custodians)));
  for (const procedures::Person& p : change.persons) {
    fact("new person", fmt::format("{}, {}, of {}", p.id, p.name.text, p.organisation));
  }
  fact("margin", MarginText(change.custodians.size(), change.threshold));
  const std::string warning = MarginWarning(change.key, change.custodians.size(), change.threshold);
  if (!warning.empty()) out += Fact("", style.Warn("WARNING: " + warning), 13);
  fact("requested by", change.requested_by);
  fact("because", change.rationale.text);
  fact("valid until", FormatTime(change.not_after));
  fact("policy", fmt::format("version {}, {}", change.policy_version,
                             change.policy == person.policy_digest() ? "the same as yours" : "NOT THE SAME AS YOURS"));
  return out;
}

Status Draft(const Command& command, const DraftOptions& options) {
  if (PosixFiles().Exists(options.out)) {
    return FailedPrecondition("{} is there already and is not overwritten. Next: name a new file", options.out);
  }
  SMKI_ASSIGN_OR_RETURN(const Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const CustodyChange change, MakeDraft(person, options));
  const std::string text = Render(change);
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(options.out, AsBytes(text)));
  const Digest digest = pki::Sha256(text);
  if (command.json()) {
    command.Print(ChangeJson(change, digest));
    return OkStatus();
  }
  command.Print(ChangeText(person, change, digest, command.style()) +
                Fact("next",
                     fmt::format("{} PMA members sign it:  smkictl custody sign --file {} --digest {} --out ...",
                                 person.policy().approvals_needed, options.out, ToHex(digest).substr(0, kShortDigest)),
                     13));
  return OkStatus();
}

// --- sign, begin ---

struct FileOptions {
  std::string file, out, digest;
  std::vector<std::string> approvals;
  uint64_t version = 0;
};

StatusOr<std::pair<std::string, CustodyChange>> ReadChange(const Person& person, const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const Bytes octets, ReadInput(file, procedures::kMaxDocument));
  SMKI_ASSIGN_OR_RETURN(CustodyChange change, procedures::ParseCustodyChange(AsText(octets)));
  SMKI_RETURN_IF_ERROR(
      procedures::JudgeCustodyChange(person.policy(), person.policy_digest(), change, SystemClock().Now()));
  return std::pair(ToString(octets), std::move(change));
}

Status Sign(const Command& command, const FileOptions& options) {
  if (PosixFiles().Exists(options.out)) {
    return FailedPrecondition("{} is there already and is not overwritten; nothing was signed. Next: name a new file",
                              options.out);
  }
  SMKI_ASSIGN_OR_RETURN(const Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const auto read, ReadChange(person, options.file));
  const auto& [text, change] = read;
  const Digest digest = pki::Sha256(text);
  if (person.policy().SeatOf(person.id()) == nullptr) {
    return procedures::Refuse(procedures::Reason::kAPPROVAL_NOT_A_MEMBER, person.id() + " has no seat in the PMA");
  }
  if (person.id() == change.requested_by) {
    return procedures::Refuse(procedures::Reason::kAPPROVAL_BY_REQUESTER,
                              fmt::format("{} requested {}", person.id(), change.id));
  }
  if (!command.json()) command.Print(ChangeText(person, change, digest, command.style()));
  if (options.digest.size() < 8 || ToHex(digest).rfind(options.digest, 0) != 0) {
    return FailedPrecondition("nothing was signed: {} begins with {}. Next: read it, then give --digest {}",
                              options.file, ToHex(digest).substr(0, kShortDigest),
                              ToHex(digest).substr(0, kShortDigest));
  }
  SMKI_ASSIGN_OR_RETURN(const Bytes signature,
                        person.Sign(AsBytes(text), fmt::format("{} {}", procedures::kCustodyChangeHint, change.id)));
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(options.out, signature));
  if (command.json()) {
    Json out = ChangeJson(change, digest);
    out["approval"] = options.out;
    command.Print(out);
  } else {
    command.Print(command.style().Good("approved") + "  " + change.id + "\n" +
                  Fact("next", "hand " + options.out + " to who begins the change", 13));
  }
  return OkStatus();
}

Json CeremonyJson(const keyguard::v1::Ceremony& ceremony) {
  return {{"request_sha256", ToHex(pki::Sha256(ceremony.request()))},
          {"threshold", ceremony.threshold()},
          {"presented", std::vector<std::string>(ceremony.presented().begin(), ceremony.presented().end())}};
}

Status Begin(const Command& command, const FileOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const auto read, ReadChange(person, options.file));
  const auto& [text, change] = read;
  keyguard::v1::BeginCustodyChangeRequest request;
  request.set_change(text);
  for (const std::string& file : options.approvals) {
    SMKI_ASSIGN_OR_RETURN(const Bytes approval, PosixFiles().Read(file, kMaxFile));
    request.add_approvals(ToString(approval));
  }
  request.set_policy(person.policy_text());
  SMKI_ASSIGN_OR_RETURN(const Bytes list, PosixFiles().Read(person.site().revocation_list, kMaxFile));
  request.set_revocation_list(ToString(list));
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::BeginCustodyChangeResponse response;
  SMKI_RETURN_IF_ERROR(
      rpc::CallAndWait(*stub, &KeyguardPersons::Stub::BeginCustodyChange, request, response, kCallDeadline));
  if (command.json()) {
    Json out = ChangeJson(change, pki::Sha256(text));
    out["ceremony"] = CeremonyJson(response.ceremony());
    command.Print(out);
    return OkStatus();
  }
  command.Print(ChangeText(person, change, pki::Sha256(text), command.style()) +
                Fact("next",
                     fmt::format("{} of the present custodians within the hour:  smkictl ceremony check, then present. "
                                 "Nothing changes before every new share was shown back",
                                 response.ceremony().threshold()),
                     13));
  return OkStatus();
}

// --- show, receive, confirm ---

StatusOr<Custody> Fetch(Person& person) {
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  Custody custody;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetCustody, keyguard::v1::GetCustodyRequest(),
                                        custody, kCallDeadline));
  return custody;
}

// The change that the keyguard speaks of, as the quorum of this person's own policy approved it.
StatusOr<CustodyChange> CheckChange(const Person& person, const Custody& custody) {
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  std::vector<Bytes> approvals;
  for (const std::string& approval : custody.approvals()) approvals.push_back(ToBytes(AsBytes(approval)));
  SMKI_ASSIGN_OR_RETURN(procedures::AdmittedCustodyChange admitted,
                        procedures::AdmitCustodyChange(person.policy(), person.policy_digest(), verifier,
                                                       custody.change(), approvals, now));
  return std::move(admitted.change);
}

// What a new custodian relies on before they take or show anything: the quorum, the new policy, the keyguard's request.
struct Offer {
  CustodyChange change;
  procedures::TrustPolicy policy;
  procedures::CeremonyRequest request;
};
StatusOr<Offer> CheckOffer(const Person& person, const Custody& custody) {
  Offer out;
  SMKI_ASSIGN_OR_RETURN(out.change, CheckChange(person, custody));
  if (!custody.offered()) {
    return procedures::Refuse(procedures::Reason::kSHARES_TOO_FEW,
                              fmt::format("{}: {} of {} present custodians have shown their shares", out.change.id,
                                          custody.ceremony().presented_size(), custody.ceremony().threshold()));
  }
  auto policy = procedures::ParsePolicy(custody.policy());
  if (!policy.ok()) {
    return procedures::Refuse(procedures::Reason::kPOLICY_INCOMPLETE, "the new policy: " + Message(policy.status()));
  }
  out.policy = *std::move(policy);
  SMKI_RETURN_IF_ERROR(procedures::JudgeSuccession(person.policy(), out.change, out.policy));
  SMKI_ASSIGN_OR_RETURN(out.request, procedures::CheckCeremonyRequest(
                                         out.policy, custody.policy(), custody.ceremony().request(),
                                         AsBytes(custody.ceremony().signature()), person.id(), SystemClock().Now()));
  if (out.request.direction != pki::Sha256(custody.change())) {
    return procedures::Refuse(procedures::Reason::kWRONG_DIRECTION,
                              "the keyguard's request is for something else than " + out.change.id);
  }
  return out;
}

// Where the new share is kept: beside the present one, or beside the site file.
std::string NewShareFile(const Person& person, const Offer& offer, const std::string& named) {
  if (!named.empty()) return named;
  const auto present = person.site().shares.find(offer.change.key);
  const std::string folder = DirectoryOf(present != person.site().shares.end() ? present->second : person.site().file);
  return fmt::format("{}/share-{}.v{}.cms", folder, offer.change.key, offer.policy.version);
}

Status Show(const Command& command) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Custody custody, Fetch(person));
  SMKI_ASSIGN_OR_RETURN(const CustodyChange change, CheckChange(person, custody));
  const Digest digest = pki::Sha256(custody.change());
  const std::vector<std::string> presented(custody.ceremony().presented().begin(),
                                           custody.ceremony().presented().end());
  if (command.json()) {
    Json out = ChangeJson(change, digest);
    out["stage"] = custody.offered() ? "new shares" : "old shares";
    out["ceremony"] = CeremonyJson(custody.ceremony());
    command.Print(out);
    return OkStatus();
  }
  std::string out = ChangeText(person, change, digest, command.style());
  out += Fact("quorum", command.style().Good("the PMA members of your trust policy have approved it"), 13);
  if (custody.offered()) {
    out += Fact("new shares",
                Printable(fmt::format("{} of {} shown back: {}", presented.size(), change.custodians.size(),
                                      Joined(presented))),
                13);
    out += Fact("next", "each new custodian:  smkictl custody receive, then confirm", 13);
  } else {
    out += Fact("old shares",
                Printable(fmt::format("{} of {} presented: {}", presented.size(), custody.ceremony().threshold(),
                                      Joined(presented))),
                13);
    out += Fact("next", "present custodians:  smkictl ceremony check, then present", 13);
  }
  command.Print(out);
  return OkStatus();
}

Status Receive(const Command& command, const FileOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Custody custody, Fetch(person));
  SMKI_ASSIGN_OR_RETURN(const Offer offer, CheckOffer(person, custody));
  const std::string file = NewShareFile(person, offer, options.out);
  const std::string policy_file = fmt::format("{}/trust-policy-v{}.yaml", DirectoryOf(file), offer.policy.version);
  // Another attempt at the same version brings other shares; those of the first open nothing.
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(file, AsBytes(custody.envelope()), true));
  SMKI_ASSIGN_OR_RETURN(const procedures::ShareCheck check,
                        person.CheckShare(file, offer.policy, pki::Sha256(custody.policy())));
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(policy_file, AsBytes(custody.policy())));
  if (command.json()) {
    command.Print(Json{{"change", offer.change.id},
                       {"key", check.key},
                       {"index", check.index},
                       {"threshold", check.threshold},
                       {"custodians", check.custodians},
                       {"file", file},
                       {"policy_file", policy_file},
                       {"policy", {{"version", offer.policy.version}, {"sha256", ToHex(check.policy)}}}});
    return OkStatus();
  }
  command.Print(
      command.style().Good("received") + "  your new share of the " + check.key + " key\n" +
      Fact("yours", fmt::format("number {} of {}; any {} open the key", check.index, check.custodians, check.threshold),
           13) +
      Fact("checked", "the quorum's approval, the new policy, its commitment to your share", 13) +
      Fact("kept in", Printable(file), 13) + Fact("new policy", Printable(policy_file), 13) +
      Fact("next", "show it back:  smkictl custody confirm. Until everybody has, the old shares stay good", 13));
  return OkStatus();
}

Status Confirm(const Command& command, const FileOptions& options) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Custody custody, Fetch(person));
  SMKI_ASSIGN_OR_RETURN(const Offer offer, CheckOffer(person, custody));
  // Read from where it is kept: what is proven is that the holder has it.
  const std::string file = NewShareFile(person, offer, options.file);
  if (!PosixFiles().Exists(file)) {
    return NotFound("{} is not there. Next: smkictl custody receive, then confirm again", file);
  }
  SMKI_ASSIGN_OR_RETURN(const procedures::PresentedShare share,
                        person.PresentShare(offer.policy, file, offer.request, custody.ceremony().request()));
  keyguard::v1::PresentShareRequest present;
  present.set_presentation(share.document);
  present.set_signature(ToString(share.signature));
  present.set_envelope(ToString(share.envelope));
  keyguard::v1::PresentShareResponse response;
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::PresentShare, present, response, kCallDeadline));
  const auto& presented = response.ceremony().presented();
  const bool done = static_cast<size_t>(presented.size()) == offer.change.custodians.size();
  if (command.json()) {
    command.Print(Json{{"change", offer.change.id},
                       {"confirmed", std::vector<std::string>(presented.begin(), presented.end())},
                       {"custodians", offer.change.custodians},
                       {"changed", done}});
    return OkStatus();
  }
  const std::string next =
      done ? fmt::format(
                 "the keyguard's operator installs custody/policy-v{}.yaml and hands it out; then put {} under "
                 "`shares` in your client.yaml and destroy the old share",
                 offer.policy.version, file)
           : "keep the old share until the change is carried out; then the new one takes its place";
  command.Print(
      command.style().Good("shown back") + "  your new share of the " + offer.change.key + " key\n" +
      Fact("new shares",
           Printable(fmt::format("{} of {} shown back", presented.size(), offer.change.custodians.size())), 13) +
      Fact("change", done ? command.style().Good("carried out: the old shares open nothing now") : "under way", 13) +
      Fact("next", Printable(next), 13));
  return OkStatus();
}

// --- verify ---

StatusOr<procedures::Succession> ReadSuccession(const std::string& folder, uint64_t version) {
  const std::string base = fmt::format("{}/policy-v{}", folder, version);
  const auto read = [](const std::string& file) { return PosixFiles().Read(file, procedures::kMaxPolicy); };
  procedures::Succession out;
  SMKI_ASSIGN_OR_RETURN(const Bytes change, read(base + ".change.yaml"));
  SMKI_ASSIGN_OR_RETURN(const Bytes record, read(base + ".record.yaml"));
  SMKI_ASSIGN_OR_RETURN(out.signature, read(base + ".record.yaml.cms"));
  SMKI_ASSIGN_OR_RETURN(const Bytes policy, read(base + ".yaml"));
  out.change = ToString(change);
  out.record = ToString(record);
  out.policy = ToString(policy);
  for (size_t i = 1; PosixFiles().Exists(fmt::format("{}.approval-{}.cms", base, i)); ++i) {
    SMKI_ASSIGN_OR_RETURN(out.approvals.emplace_back(), read(fmt::format("{}.approval-{}.cms", base, i)));
  }
  return out;
}

Status Verify(const Command& command, const FileOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const Person person, command.LoadPerson());
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  const uint64_t version = person.policy().version + 1;
  SMKI_ASSIGN_OR_RETURN(const procedures::Succession succession, ReadSuccession(options.file, version));
  SMKI_ASSIGN_OR_RETURN(const procedures::TrustPolicy next,
                        procedures::VerifySuccession(person.policy(), person.policy_text(), verifier, succession, now));
  const Digest digest = pki::Sha256(succession.policy);
  if (command.json()) {
    command.Print(Json{{"version", next.version}, {"sha256", ToHex(digest)}, {"from", ToHex(person.policy_digest())}});
    return OkStatus();
  }
  command.Print(
      command.style().Good("verified") +
      fmt::format("  trust policy version {} follows from yours, version {}\n", next.version, person.policy().version) +
      Fact("SHA-256", ToHex(digest), 13) +
      Fact("because",
           "your policy's quorum approved the change, nothing else differs, its keyguard signed that every "
           "new custodian has shown their share back",
           13) +
      Fact("next", "install it as your trust policy", 13));
  return OkStatus();
}

void AddDraft(CLI::App& group, Command& command) {
  CLI::App* draft = group.add_subcommand("draft", "write down a change for the PMA to approve; changes nothing");
  auto o = std::make_shared<DraftOptions>();
  draft->add_option("--change", o->change, "appoint, cease or refresh")
      ->required()
      ->check(CLI::IsMember({"appoint", "cease", "refresh"}));
  draft->add_option("--key", o->key, "of which key")->capture_default_str();
  draft->add_option("--add", o->add, "a person of the policy who becomes a custodian (again for more)");
  draft->add_option("--remove", o->remove, "a custodian who ceases (again for more)");
  draft->add_option("--threshold", o->threshold, "how many open the key; without it as now")->check(WholeNumber());
  CLI::Option* id = draft->add_option("--new", o->id, "id of a custodian whom the policy does not know yet");
  for (const auto& [option, value, help] : {std::tuple("--name", &o->name, "of the new person"),
                                            std::tuple("--organisation", &o->organisation, "of theirs"),
                                            std::tuple("--sign-certificate", &o->sign_certificate, "PEM file"),
                                            std::tuple("--agree-certificate", &o->agree_certificate, "PEM file")}) {
    CLI::Option* const made = draft->add_option(option, *value, help);
    made->needs(id);
    id->needs(made);
  }
  draft->add_option("--rationale", o->rationale, "why; the members read it")->required();
  draft->add_option("--validity", o->validity, "from now")->capture_default_str();
  draft->add_option("--out", o->out, "new file")->required();
  draft->callback([&command, o] { command.Run([&] { return Draft(command, *o); }); });
}

}  // namespace

void AddCustodyCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("custody", "change who holds the shares of a key, between incidents");
  group->require_subcommand(1);
  AddDraft(*group, command);

  const auto add = [&](const char* name, const char* help, Status (*act)(const Command&, const FileOptions&)) {
    CLI::App* const sub = group->add_subcommand(name, help);
    auto options = std::make_shared<FileOptions>();
    sub->callback([&command, options, act] { command.Run([&] { return act(command, *options); }); });
    return std::pair(sub, options);
  };
  const auto [sign, s] = add("sign", "a PMA member approves: signs the change's exact octets", Sign);
  sign->add_option("--file", s->file, "the change")->required();
  sign->add_option("--digest", s->digest, "sign only if the SHA-256 begins so (8 characters or more)");
  sign->add_option("--out", s->out, "new file for the signature (detached CMS, DER)")->required();
  const auto [begin, b] = add("begin", "hand the approved change to the keyguard", Begin);
  begin->add_option("--file", b->file, "the change")->required();
  begin->add_option("--approval", b->approvals, "a member's signature (again for each)")->required();
  add("show", "the change that is under way, and who has shown what",
      [](const Command& c, const FileOptions&) { return Show(c); });
  const auto [receive, r] = add("receive", "a new custodian fetches, checks and keeps their new share", Receive);
  receive->add_option("--out", r->out, "file to keep it in (default: beside the present share)");
  const auto [confirm, c] = add("confirm", "a new custodian shows their new share back", Confirm);
  confirm->add_option("--file", c->file, "where it is kept (default: where receive put it)");
  const auto [verify, v] = add("verify", "does the next trust policy follow from yours? needs no server", Verify);
  verify->add_option("folder", v->file, "the keyguard's custody folder, or a copy")->required();
}

}  // namespace smki::cli
