#include "tests/simulation/parts/people.h"

#include <algorithm>

#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/evidence/share.h"
#include "proto/rpc/channel.h"
#include "sim/estate/plan.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::simulation {
namespace {

namespace kg = keyguard::v1;
namespace rv = recovery::v1;

constexpr Millis kDeadline{30'000};
constexpr char kRecovery[] = "/smki.recovery.v1.Recovery/";
constexpr char kPersons[] = "/smki.keyguard.v1.KeyguardPersons/";
constexpr char kAuthority[] = "/smki.estate.v1.CertificateAuthority/";
constexpr char kOffice[] = "office";
constexpr int kPatience = 3;  // starts of a failed step before it is skipped, where the runbook lets it
constexpr char kWitness[] = "WB";
constexpr Nanos kBedtime = std::chrono::hours(1);
constexpr Millis kNight{30'000'000};                                         // longer than a key may be open
constexpr uint64_t kQuickest = 20'000, kUsual = 180'000, kLate = 3'600'000;  // ms

}  // namespace

People::People(World world, const EstateImage& image, PeopleWitness witness)
    : world_(world),
      image_(image),
      witness_(std::move(witness)),
      process_(world.clockwork, "people"),
      policy_text_(image.Text("policy/trust-policy.yaml")) {
  auto policy = procedures::ParsePolicy(policy_text_);
  SMKI_CHECK(policy.ok());
  policy_ = *std::move(policy);
  for (const procedures::Person& entry : policy_.persons) {
    Person& person = persons_[entry.id];
    person.id = entry.id;
    person.roles = entry.roles;
    const std::string folder = "persons/" + entry.id + "/";
    const auto key = [&](const char* name) {
      auto out = pki::PrivateKey::FromPem(AsText(image.File(folder + name)));
      SMKI_CHECK(out.ok());
      return *std::move(out);
    };
    const auto certificate = [&](const char* name) {
      auto out = pki::Certificate::FromPem(AsText(image.File(folder + name)));
      SMKI_CHECK(out.ok());
      return *std::move(out);
    };
    person.sign.emplace(key("sign.key.pem"));
    person.agree.emplace(key("agree.key.pem"));
    person.sign_certificate.emplace(certificate("sign.crt.pem"));
    person.agree_certificate.emplace(certificate("agree.crt.pem"));
    for (const char* name : {"recovery", "contingency"}) {
      const auto share = image.files.find(fmt::format("{}share-{}.cms", folder, name));
      if (share != image.files.end()) person.shares[name] = share->second;
    }
  }
}

void People::Start(Network::Host& orchestrator, Network::Host& keyguard, Network::Host& estate) {
  process_.Begin();
  for (auto& [id, person] : persons_) {
    person.orchestrator = world_.network.Connect(process_, kOffice, id, orchestrator);
    person.keyguard = world_.network.Connect(process_, kOffice, id, keyguard);
  }
  estate_ = world_.network.Connect(process_, kOffice, sim::kRecoveredSupplier, estate);
  process_.PostAfter(std::chrono::seconds(30), [this] { Look(); });
}

// --- who ---

std::vector<std::string> People::WithRole(const std::string& role) const {
  std::vector<std::string> out;
  for (const auto& [id, person] : persons_) {
    if (std::find(person.roles.begin(), person.roles.end(), role) != person.roles.end()) out.push_back(id);
  }
  return out;
}

std::string People::ActorFor(const std::string& role) {
  const std::vector<std::string> all = WithRole(role == "party" ? "incident-operator" : role);
  if (all.empty()) return "owen.operator";
  if (world_.fates.Strikes(Fault::kPersonWrong, "actor " + role)) {
    const std::vector<std::string> others = WithRole("auditor");
    world_.story.Tell("people", "{} acts for {}", others[0], role);
    return others[0];
  }
  return all[world_.fates.Draw("actor " + role, all.size())];
}

Nanos People::Reaction(const std::string& person) {
  Millis out(kQuickest + world_.fates.Draw("reaction", kUsual));
  if (world_.fates.Strikes(Fault::kPersonLate, person)) {
    const Millis late(world_.fates.Draw("late", kLate));
    world_.story.Tell("people", "{} is late by {} min", person, late.count() / 60'000);
    out += late;
  }
  return out;
}

// Once, and early enough for everything to end in time: it is left for the morning, whatever stands open.
bool People::SleepsOnIt() {
  if (slept_ || world_.clockwork.elapsed() > kBedtime || !world_.fates.Strikes(Fault::kPersonLate, "night"))
    return false;
  slept_ = true;
  world_.story.Tell("people", "it is left for the morning");
  return true;
}

void People::Soon(const std::string& what, const std::string& person, std::function<void()> act) {
  if (Get(person).gone || !in_hand_.insert(what).second) return;
  // The team's lead and operator are always there: without them there is no incident.
  // Of custodians and members as many stay as a quorum takes.
  const std::string role = person.substr(person.find('.') + 1);
  const auto gone = std::count_if(persons_.begin(), persons_.end(),
                                  [&](const auto& entry) { return entry.second.gone && entry.first.ends_with(role); });
  if ((role == "pma" || role == "custodian") && gone < (role == "pma" && rejected_ ? 0 : 2) &&
      world_.fates.Strikes(Fault::kPersonAbsent, person)) {
    world_.story.Tell("people", "{} does not come any more", person);
    Get(person).gone = true;
    Over(what);
    return;
  }
  process_.PostAfter(std::chrono::duration_cast<Millis>(Reaction(person)), std::move(act));
}

Bytes People::Sign(Person& person, ByteSpan document, const std::string& hint) {
  auto cms = pki::SignDetached(document, *person.sign, *person.sign_certificate, Now(), hint);
  SMKI_CHECK(cms.ok());
  witness_.signed_document(person.id, document, *cms);
  return *std::move(cms);
}

void People::Refused(const std::string& who, const std::string& what, const Status& status) {
  last_refusal_ = fmt::format("{} {}: {}", who, what, Message(status));
  world_.story.Tell("people", "{} {}: {}", who, what,
                    ReasonOf(status).empty() ? Message(status).substr(0, 160) : ReasonOf(status));
}

// --- looking ---

void People::Look() {
  rv::GetIncidentRequest request;
  rpc::Call<View>(*Get("lena.lead").orchestrator, std::string(kRecovery) + "GetIncident", request, kDeadline,
                  [this](StatusOr<View> view) {
                    if (view.ok()) {
                      OnPage(*std::move(view));
                    } else if (!page_ && view.status().code() == StatusCode::kNotFound) {
                      Soon("open", "lena.lead", [this] { OpenIncident(); });
                    }
                  });
  process_.PostAfter(Millis(30'000 + world_.fates.Draw("look", 60'000)), [this] { Look(); });
}

void People::OnPage(View view) {
  closed_ = view.state() == "closed" && !view.evidence().empty();
  std::string during;
  std::set<std::string> kinds;
  for (const rv::StepView& step : view.steps()) {
    if (step.status() == "failed") last_failure_ = step.result();
    if (step.status() == "running" || step.status() == "ready") kinds.insert(step.kind());
  }
  for (const std::string& kind : kinds) during += (during.empty() ? "" : "+") + kind;
  world_.fates.SetDuring(view.state() == "closed" ? "closed" : during);
  const uint64_t before = page_ ? page_->sequence() : 0;
  page_ = std::move(view);
  if (page_->sequence() != before) {
    std::string at;
    for (const rv::StepView& step : page_->steps()) {
      if (step.status() == "running" || step.status() == "ready" || step.status() == "failed")
        at += fmt::format(" {}:{}{}", step.id(), step.status(),
                          step.status() == "failed" ? " (" + step.result().substr(0, 200) + ")" : "");
    }
    const rv::CampaignProgress& p = page_->progress();
    world_.story.Tell("page", "{} {}:{}{}", page_->state(), page_->sequence(), at,
                      p.total() == 0 ? ""
                                     : fmt::format("; {} of {} recovered, {} silent, {} refused", p.recovered(),
                                                   p.total(), p.silent(), p.refused()));
  }
  if (page_->state() == "closed") return;
  const auto attested = std::find_if(page_->steps().begin(), page_->steps().end(),
                                     [](const rv::StepView& step) { return step.id() == "new-certificates"; });
  if (!lodged_ && attested != page_->steps().end() && attested->status() == "done")
    Soon("certificates", "owen.operator", [this] { MakeNewCertificates(0); });
  if (page_->state() == "paused") {
    return Soon("resume", "lena.lead", [this] { Act("resume", "lena.lead", "", "resume", "", "going on"); });
  }
  for (const rv::DeviationView& one : page_->deviations()) Approve(one);
  bool current = false;
  for (const rv::StepView& step : page_->steps()) {
    current = current || step.status() == "ready" || step.status() == "running" || step.status() == "failed";
    Serve(step);
  }
  if (!current) Close();
}

void People::OpenIncident() {
  Person& lead = Get("lena.lead");
  procedures::Statement statement;
  statement.environment = policy_.environment;
  statement.incident = "new";
  statement.step = "none";
  statement.verb = "open";
  statement.choice = "none";
  statement.person = lead.id;
  statement.time = {Now().ms - Now().ms % 1000};
  const std::string what = "supplier-a reports that its signing keys were copied";
  statement.text = procedures::CleanText(what);
  const std::string document = procedures::Render(statement);
  rv::OpenIncidentRequest request;
  request.set_runbook("method-3");
  request.mutable_notification()->set_party(sim::kRecoveredSupplier);
  request.mutable_notification()->set_organisation(sim::FindPartyPlan(sim::kRecoveredSupplier)->party.eui.value());
  request.mutable_notification()->set_what(what);
  request.mutable_notification()->set_reported_by(lead.id);
  request.mutable_notification()->set_received(FormatTime({Now().ms - Now().ms % 1000}));
  request.set_statement(document);
  request.set_signature(ToString(Sign(lead, AsBytes(document), "")));
  request.set_request_id("simulation-1");
  rpc::Call<View>(*lead.orchestrator, std::string(kRecovery) + "OpenIncident", request, kDeadline,
                  [this](StatusOr<View> view) {
                    Over("open");
                    if (!view.ok()) return Refused("lena.lead", "opens", view.status());
                    world_.story.Tell("people", "lena.lead has opened {}", view->incident());
                    OnPage(*std::move(view));
                  });
}

// --- steps ---

void People::Serve(const rv::StepView& step) {
  const std::string id = step.id();
  if (step.status() == "ready") {
    if (step.kind() == "attest") {
      if (id == "new-certificates" && !lodged_) {
        Soon("certificates", "owen.operator", [this] { MakeNewCertificates(0); });
        // Attested before it is so: the delta has nothing, and what waits for the certificates waits.
        if (!world_.fates.Strikes(Fault::kPersonWrong, "attests early")) return;
        world_.story.Tell("people", "owen.operator attests what is not there yet");
      }
      const std::string actor = ActorFor(step.actor());
      return Soon(id, actor, [this, id, actor] { Act(id, actor, id, "done", "", "simulated: " + id); });
    }
    if (step.kind() == "decide") {
      const std::string actor = ActorFor(step.actor());
      const std::string choice = ChoiceFor(step);
      if (id == "proceed" && in_hand_.count(id) == 0 && SleepsOnIt()) {
        in_hand_.insert(id);
        process_.PostAfter(kNight,
                           [this, id, actor, choice] { Act(id, actor, id, "decide", choice, "in the morning"); });
        return;
      }
      return Soon(id, actor, [this, id, actor, choice] { Act(id, actor, id, "decide", choice, "it is " + choice); });
    }
    if (step.actor() != "system") {
      const std::string actor = ActorFor(step.actor());
      return Soon(id, actor, [this, id, actor] { Act(id, actor, id, "start", "", ""); });
    }
  }
  if (step.status() == "running") {
    if (step.kind() == "direction") return Vote();
    if (step.kind() == "ceremony" || step.phase() == "execution") {
      Present();
      return MayHalt();
    }
  }
  if (step.status() == "failed" && in_hand_.count(id) == 0 && !IsAskedFor(id)) {
    const bool skip = ++failures_[id] > kPatience && (id == "canary" || id == "campaign");
    // The lead must not have asked for what the lead alone can approve.
    const std::string person = skip ? "owen.operator" : "lena.lead";
    Soon(id, person, [this, id, skip, person] {
      Act(id, person, id, skip ? "deviate" : "start", "", skip ? "it cannot be finished" : "");
    });
  }
}

bool People::IsAskedFor(const std::string& step) const {
  const auto& all = page_->deviations();
  return std::any_of(all.begin(), all.end(),
                     [&](const rv::DeviationView& one) { return one.step() == step && one.standing() == "waiting"; });
}

void People::Approve(const rv::DeviationView& one) {
  if (one.standing() != "waiting") return;
  const std::string digest = one.digest(), step = one.step(), what = "approve " + digest;
  std::string person = "lena.lead";
  if (in_hand_.count(what) == 0 && world_.fates.Strikes(Fault::kPersonMalicious, "approves alone")) {
    person = one.requested_by();
    world_.story.Tell("people", "{} approves what they asked for", person);
  }
  Soon(what, person, [this, what, person, step, digest] { Act(what, person, step, "approve", digest, ""); });
}

std::string People::ChoiceFor(const rv::StepView& step) {
  // Mostly what leads on; sometimes what ends it.
  const bool other = !world_.fates.stopped() && world_.fates.Draw("choice " + step.id(), 40) == 0;
  return step.choices(other ? step.choices_size() - 1 : 0);
}

void People::Close() {
  Soon("close", "lena.lead",
       [this] { Act("close", "lena.lead", "", "close", "", "every step is done and the report was read"); });
}

void People::Act(const std::string& what, const std::string& person, const std::string& step, const std::string& verb,
                 const std::string& choice, const std::string& text) {
  rv::GetIncidentRequest request;
  request.set_incident(page_->incident());
  rpc::Call<View>(*Get(person).orchestrator, std::string(kRecovery) + "GetIncident", request, kDeadline,
                  [this, what, person, step, verb, choice, text](StatusOr<View> view) {
                    if (!view.ok()) {
                      Over(what);
                      return Refused(person, "reads", view.status());
                    }
                    SendAct(what, person, *view, step, verb, choice, text);
                  });
}

// Every factor of the decision, in increasing order of id, as a statement has them.
void People::Answer(const View& page, rv::ActRequest& request) {
  std::map<std::string, std::string> answers;
  for (const rv::StepView& step : page.steps()) {
    if (step.id() != request.step()) continue;
    for (const rv::FactorView& factor : step.factors()) answers[factor.id()] = "simulated: " + factor.id();
  }
  for (const auto& [id, answer] : answers) {
    rv::KeyValue& one = *request.add_factors();
    one.set_key(id);
    one.set_value(answer);
  }
}

void People::SendAct(const std::string& what, const std::string& id, const View& page, const std::string& step,
                     const std::string& verb, const std::string& choice, const std::string& text) {
  Person& person = Get(id);
  Fates& fates = world_.fates;
  rv::ActRequest request;
  request.set_incident(page.incident());
  request.set_step(step);
  request.set_verb(verb);
  request.set_choice(choice);
  request.set_text(procedures::CleanText(text).text);
  request.set_expected_sequence(page.sequence());
  if (verb == "deviate") {
    request.set_deviation("skip");
    request.set_witness(kWitness);
  }
  if (verb == "decide") Answer(page, request);
  if (fates.Strikes(Fault::kPersonWrong, "page")) {
    request.set_expected_sequence(page.sequence() - std::min<uint64_t>(page.sequence(), 1 + fates.Draw("page", 5)));
    world_.story.Tell("people", "{} acts on an old page", id);
  }
  if (verb != "start") {
    procedures::Statement statement;
    statement.environment = policy_.environment;
    statement.incident = page.incident();
    statement.step = step.empty() ? "none" : step;
    statement.verb = verb;
    statement.choice = choice.empty() ? "none" : choice;
    statement.expected_sequence = request.expected_sequence();
    statement.person = id;
    statement.time = {Now().ms - Now().ms % 1000};
    statement.text = procedures::CleanText(text);
    if (verb == "deviate") {
      statement.deviation = request.deviation();
      statement.witness = procedures::Quoted{kWitness};
    }
    for (const rv::KeyValue& factor : request.factors()) statement.factors.push_back({factor.key(), {factor.value()}});
    if (fates.Strikes(Fault::kPersonMalicious, "statement")) {
      // The statement says one thing, the request another.
      statement.expected_sequence += 1;
      world_.story.Tell("people", "{} signs another statement than asked", id);
    }
    const std::string document = procedures::Render(statement);
    request.set_statement(document);
    request.set_signature(ToString(Sign(person, AsBytes(document), "")));
  }
  const auto answered = [this, what, id, verb, step](StatusOr<View> view) {
    Over(what);
    if (!view.ok()) return Refused(id, verb + " " + step, view.status());
    world_.story.Tell("people", "{}: {} {}", id, verb, step);
    OnPage(*std::move(view));
  };
  rpc::Call<View>(*person.orchestrator, std::string(kRecovery) + "Act", request, kDeadline, answered);
  if (fates.Strikes(Fault::kPersonTwice, "act")) {
    world_.story.Tell("people", "{} does it twice: {} {}", id, verb, step);
    rpc::Call<View>(*person.orchestrator, std::string(kRecovery) + "Act", request, kDeadline,
                    [](const StatusOr<View>&) {});
  }
}

// --- the supplier ---

void People::MakeNewCertificates(size_t cell) {
  const sim::PartyPlan& plan = *sim::FindPartyPlan(sim::kRecoveredSupplier);
  if (cell == plan.cells.size()) {
    rpc::Call<estate::v1::PublishDeltaResponse>(*estate_, std::string(kAuthority) + "PublishDelta",
                                                estate::v1::PublishDeltaRequest(), kDeadline,
                                                [this](StatusOr<estate::v1::PublishDeltaResponse> published) {
                                                  Over("certificates");
                                                  if (!published.ok())
                                                    return Refused("supplier-a", "lodges", published.status());
                                                  lodged_ = true;
                                                  world_.story.Tell("people", "supplier-a has new certificates");
                                                });
    return;
  }
  if (requests_.size() == cell) {
    const auto key = pki::PrivateKey::Generate();
    SMKI_CHECK(key.ok());
    pki::PrivateKey own = *pki::PrivateKey::FromScalar(key->ToScalar().span());
    auto request = pki::MakeCertificateRequest(
        own, {"", static_cast<uint8_t>(plan.role), plan.party.eui},
        static_cast<pki::KeyUsageBits>(1u << static_cast<unsigned>(plan.cells[cell].key_usage)));
    SMKI_CHECK(request.ok());
    requests_.push_back(*std::move(request));
  }
  estate::v1::SubmitRequestRequest request;
  request.set_request(ToString(requests_[cell]));
  request.set_subscriber(sim::kRecoveredSupplier);
  rpc::Call<estate::v1::SubmitRequestResponse>(*estate_, std::string(kAuthority) + "SubmitRequest", request, kDeadline,
                                               [this, cell](StatusOr<estate::v1::SubmitRequestResponse> response) {
                                                 if (response.ok()) return MakeNewCertificates(cell + 1);
                                                 Over("certificates");
                                                 Refused("supplier-a", "asks", response.status());
                                               });
}

// --- votes ---

void People::Vote() {
  if (page_->direction_digest().empty()) return;
  std::vector<std::string> members = WithRole("pma-member");
  // An alternate comes when a member stays away, and sometimes although nobody does.
  for (const std::string& alternate : WithRole("pma-alternate")) {
    const bool needed = std::any_of(members.begin(), members.end(), [&](const auto& id) { return Get(id).gone; });
    if (needed || world_.fates.Strikes(Fault::kPersonWrong, "alternate")) members.push_back(alternate);
  }
  const std::string digest = ToHex(AsBytes(page_->direction_digest()));
  int under_way = 0;
  for (const std::string& member : members) {
    if (in_hand_.count("vote " + member) != 0) ++under_way;
  }
  for (const std::string& member : members) {
    if (voted_.count(digest + member) != 0) continue;
    if (under_way++ >= 3) return;  // one asks three at a time
    Soon("vote " + member, member, [this, member] { VoteOf(member); });
  }
  if (world_.fates.Strikes(Fault::kPersonMalicious, "requester votes")) {
    world_.story.Tell("people", "the requester votes");
    Soon("vote lena.lead", "lena.lead", [this] { VoteOf("lena.lead"); });
  }
}

void People::VoteOf(const std::string& member) {
  rv::GetDirectionRequest request;
  request.set_incident(page_->incident());
  rpc::Call<rv::DirectionView>(*Get(member).orchestrator, std::string(kRecovery) + "GetDirection", request, kDeadline,
                               [this, member](StatusOr<rv::DirectionView> direction) {
                                 if (!direction.ok()) {
                                   Over("vote " + member);
                                   return Refused(member, "reviews", direction.status());
                                 }
                                 SendVote(member, *direction);
                               });
}

void People::SendVote(const std::string& member, const rv::DirectionView& view) {
  Person& person = Get(member);
  Fates& fates = world_.fates;
  const std::string& text = view.direction();
  const std::string digest = ToHex(pki::Sha256(text));
  rv::SubmitVoteRequest request;
  request.set_incident(page_->incident());
  std::string said = "approves";
  if (fates.Strikes(Fault::kPersonMalicious, "approval of another") && view.approvals_size() > 0) {
    said = "offers another's approval";
    request.set_signature(view.approvals(0));
  } else if (std::none_of(persons_.begin(), persons_.end(), [](const auto& p) { return p.second.gone; }) &&
             !rejected_ && fates.Strikes(Fault::kPersonWrong, "vote")) {
    rejected_ = true;  // one no, and nobody away: a quorum is still there
    said = "rejects";
    procedures::Rejection rejection;
    rejection.environment = policy_.environment;
    rejection.direction = pki::Sha256(text);
    rejection.person = member;
    rejection.reason = procedures::CleanText("too many Devices at once");
    const std::string document = procedures::Render(rejection);
    request.set_rejection(document);
    request.set_signature(ToString(Sign(person, AsBytes(document), procedures::kRejectionHint)));
  } else if (fates.Strikes(Fault::kPersonWrong, "approved text")) {
    said = "approves another text";
    const std::string other = text.substr(0, text.size() / 2);
    request.set_signature(ToString(Sign(person, AsBytes(other), procedures::ApprovalHint("DIR-other"))));
  } else {
    const size_t at = text.find("\nid: ");
    const std::string id = text.substr(at + 5, text.find('\n', at + 1) - at - 5);
    request.set_signature(ToString(Sign(person, AsBytes(text), procedures::ApprovalHint(id))));
  }
  const auto answered = [this, member, digest, said](StatusOr<View> counted) {
    Over("vote " + member);
    if (!counted.ok()) {
      Refused(member, said, counted.status());
      if (ReasonOf(counted.status()) == "APPROVAL_DUPLICATE_MEMBER") voted_.insert(digest + member);
      return;
    }
    world_.story.Tell("people", "{} {} {}", member, said, digest.substr(0, 8));
    voted_.insert(digest + member);
    OnPage(*std::move(counted));
  };
  rpc::Call<View>(*person.orchestrator, std::string(kRecovery) + "SubmitVote", request, kDeadline, answered);
  if (fates.Strikes(Fault::kPersonTwice, "vote")) {
    world_.story.Tell("people", "{} votes twice", member);
    rpc::Call<View>(*person.orchestrator, std::string(kRecovery) + "SubmitVote", request, kDeadline,
                    [](const StatusOr<View>&) {});
  }
}

// --- shares ---

void People::Present() {
  // Who is asked: one more than needed, of those who come.
  std::vector<std::string> custodians = WithRole("key-custodian");
  for (const std::string& custodian : custodians) {
    Soon("share " + custodian, custodian, [this, custodian] { PresentOf(custodian); });
  }
}

void People::PresentOf(const std::string& custodian) {
  rpc::Call<kg::Ceremony>(*Get(custodian).keyguard, std::string(kPersons) + "GetCeremony", kg::GetCeremonyRequest(),
                          kDeadline, [this, custodian](StatusOr<kg::Ceremony> ceremony) {
                            if (!ceremony.ok()) return Over("share " + custodian);  // none is under way
                            SendShare(custodian, *ceremony);
                          });
}

void People::SendShare(const std::string& id, const kg::Ceremony& ceremony) {
  Person& person = Get(id);
  Fates& fates = world_.fates;
  const std::string what = "share " + id;
  const bool shown =
      std::find(ceremony.presented().begin(), ceremony.presented().end(), id) != ceremony.presented().end();
  if (ceremony.open() || (shown && !fates.Strikes(Fault::kPersonTwice, "share"))) return Over(what);
  const auto request = procedures::CheckCeremonyRequest(policy_, policy_text_, ceremony.request(),
                                                        AsBytes(ceremony.signature()), id, Now());
  if (!request.ok()) {
    Over(what);
    return Refused(id, "checks the ceremony", request.status());
  }
  Bytes envelope = person.shares[request->key];
  const procedures::CustodianKeys keys{*person.agree, *person.agree_certificate, *person.sign,
                                       *person.sign_certificate};
  auto share = procedures::PresentShare(policy_, *request, ceremony.request(), id, envelope, keys, Now());
  if (!share.ok()) {
    Over(what);
    return Refused(id, "opens the share", share.status());
  }
  std::string said = "shows the share to " + request->id;
  if (fates.Strikes(Fault::kPersonMalicious, "share")) {
    // Somebody else's, or an envelope that holds something else.
    said = "shows a false share";
    share->envelope[share->envelope.size() / 2] ^= 1;
  } else {
    witness_.signed_document(id, AsBytes(share->document), share->signature);
    witness_.presented(id, ceremony.request());
  }
  kg::PresentShareRequest present;
  present.set_presentation(share->document);
  present.set_signature(ToString(share->signature));
  present.set_envelope(ToString(share->envelope));
  rpc::Call<kg::PresentShareResponse>(*person.keyguard, std::string(kPersons) + "PresentShare", present, kDeadline,
                                      [this, id, what, said](StatusOr<kg::PresentShareResponse> response) {
                                        Over(what);
                                        if (!response.ok()) return Refused(id, said, response.status());
                                        world_.story.Tell("people", "{} {}{}", id, said,
                                                          response->ceremony().open() ? ": the key is open" : "");
                                      });
  if (fates.Strikes(Fault::kPersonTwice, "present")) {
    rpc::Call<kg::PresentShareResponse>(*person.keyguard, std::string(kPersons) + "PresentShare", present, kDeadline,
                                        [](const StatusOr<kg::PresentShareResponse>&) {});
  }
}

// --- orders ---

void People::MayHalt() {
  if (page_->direction_digest().empty()) return;
  const std::string direction = page_->direction_digest();
  if (halted_.empty()) {
    if (!world_.fates.Strikes(Fault::kHalt, "halt")) return;
    halted_ = direction;
    const std::string member = WithRole("pma-member")[world_.fates.Draw("halting member", 6)];
    return Order(member, "halt", direction);
  }
  // One of them does not wait for the others.
  if (resumed_.empty() && world_.fates.Strikes(Fault::kPersonWrong, "resumes alone")) {
    const std::string member = WithRole("pma-member")[world_.fates.Draw("halting member", 6)];
    return Soon("order " + member, member, [this, member, direction] { Order(member, "resume", direction); });
  }
  // They have looked into it: it may go on.
  if (world_.fates.Draw("looked into it", 8) != 0 && !world_.fates.stopped()) return;
  for (const std::string& member : WithRole("pma-member")) {
    if (Get(member).gone || resumed_.count(member) != 0) continue;
    Soon("order " + member, member, [this, member, direction] { Order(member, "resume", direction); });
  }
}

void People::Order(const std::string& member, const std::string& verb, const std::string& direction) {
  Person& person = Get(member);
  procedures::PmaOrder order;
  order.order = verb;
  order.environment = policy_.environment;
  std::copy(direction.begin(), direction.end(), order.direction.begin());
  order.person = member;
  order.time = {Now().ms - Now().ms % 1000};
  order.reason = procedures::CleanText("simulated");
  const std::string document = procedures::Render(order);
  kg::OrderRequest request;
  request.set_order(document);
  request.set_signature(ToString(Sign(person, AsBytes(document), "")));
  rpc::Call<kg::OrderResponse>(*person.keyguard, std::string(kPersons) + "Order", request, kDeadline,
                               [this, member, verb](StatusOr<kg::OrderResponse> response) {
                                 Over("order " + member);
                                 if (!response.ok()) return Refused(member, verb + "s", response.status());
                                 world_.story.Tell("people", "{} orders: {}", member, verb);
                                 if (verb == "resume") resumed_.insert(member);
                               });
}

}  // namespace smki::simulation
