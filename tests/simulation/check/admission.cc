#include "tests/simulation/check/admission.h"

#include <algorithm>

#include "pki/cms.h"
#include "pki/digest.h"
#include "tests/simulation/check/gbcs_reader.h"

namespace smki::simulation {
namespace {

constexpr char kRecoveryMode[] = "anyExceptAbnormalRootByRecovery";
constexpr Millis kLongestValidity = std::chrono::hours(24 * 30);

int IntegerOctets(uint64_t value) {
  int octets = 1;
  for (; value > 0x7F; value >>= 8) ++octets;
  return octets;
}

std::string RoleOf(const std::string& cell) {
  return cell.substr(0, cell.find('/'));
}

uint16_t UsageOf(const std::string& cell) {
  if (cell.find("/digitalSignature") != std::string::npos) return pki::kDigitalSignature;
  if (cell.find("/keyAgreement") != std::string::npos) return pki::kKeyAgreement;
  return pki::kKeyCertSign;
}

StatusOr<pki::Certificate> Missing() {
  return NotFound("not handed over");
}

bool Replaces(const Group& group, const std::string& role) {
  return std::any_of(group.replacements.begin(), group.replacements.end(),
                     [&](const auto& replacement) { return RoleOf(replacement.first) == role; });
}

}  // namespace

Use Admission::Judge(const Bundle& bundle, UtcTime from, UtcTime to) {
  name_ = "Direction " + Short(bundle.digest);
  use_.digest = bundle.digest;
  use_.certificates = bundle.certificates;
  const Policy* const policy = facts_.Follow(bundle.policy);
  use_.policy = policy == nullptr ? &facts_.policy() : policy;
  if (policy == nullptr) {
    Fault("I1", "admitted under a trust policy that is neither the anchor nor made of it by a custody change: {}",
          Short(pki::Sha256(bundle.policy)));
  }
  auto direction = ReadDirection(bundle.direction);
  if (!direction.ok()) {
    Fault("I1", "admitted although its text is not canonical: {}", Message(direction.status()));
    return std::move(use_);
  }
  use_.direction = std::move(direction).value();
  name_ = use_.direction.id;
  Form(use_.direction);
  Scope(bundle, *use_.policy, use_.direction);
  Time(use_.direction, from, to);
  List(bundle, *use_.policy, from);
  Quorum(bundle, from, to);
  Populations(bundle);
  Certificates(bundle);
  Key(bundle);
  return std::move(use_);
}

void Admission::Form(const Direction& d) {
  const bool counters = d.first >= 1 && d.first <= d.last && d.last <= static_cast<uint64_t>(INT64_MAX) &&
                        IntegerOctets(d.first) == IntegerOctets(d.last);
  if (!counters) Fault("I1", "counters {} to {}", d.first, d.last);
  if (d.attempts < 1 || d.attempts > 10 || d.total < 1 || d.total > d.last - d.first + 1 || d.outstanding < 1 ||
      d.outstanding > d.total || d.rate < 1 || d.rate > 1'000'000) {
    Fault("I1", "limits {}, {}, {}, {}", d.attempts, d.total, d.outstanding, d.rate);
  }
  if (d.not_after <= d.not_before || d.not_after - d.not_before > kLongestValidity) Fault("I1", "its validity");
  if (d.groups.empty() || d.groups.size() > 64) Fault("I1", "{} groups", d.groups.size());
  for (size_t i = 1; i < d.groups.size(); ++i) {
    if (d.groups[i - 1].name >= d.groups[i].name)
      Fault("I1", "group {} after {}", d.groups[i].name, d.groups[i - 1].name);
  }
  const auto nonce = FromHex(d.nonce);
  if (!nonce || nonce->size() != 16 || ToHex(*nonce) != d.nonce) Fault("I1", "nonce {}", d.nonce);
  for (const Group& group : d.groups) Cells(group);
}

// Cells each once, floors only for roles whose cells are replaced.
void Admission::Cells(const Group& group) {
  if (group.replacements.empty() || group.replacements.size() > 32 || group.path.empty() || group.path.size() > 3)
    Fault("I1", "group {} has {} replacements and {} path certificates", group.name, group.replacements.size(),
          group.path.size());
  for (size_t i = 1; i < group.replacements.size(); ++i) {
    if (group.replacements[i - 1].first >= group.replacements[i].first)
      Fault("I1", "group {}: cell {} is not after {}", group.name, group.replacements[i].first,
            group.replacements[i - 1].first);
  }
  std::set<std::string> roles;
  for (const Floor& floor : group.floors) {
    const bool good = floor.role != "recovery" && floor.role != "root" && Replaces(group, floor.role) &&
                      roles.insert(floor.role).second && (!floor.prepayment || floor.role == "supplier");
    if (!good) Fault("I1", "group {}: a floor of {}", group.name, floor.role);
  }
  if (group.authorising_floor && !Replaces(group, "recovery"))
    Fault("I1", "group {}: a floor of the authorising role, whose key stays", group.name);
}

void Admission::Scope(const Bundle& bundle, const Policy& policy, const Direction& d) {
  if (d.environment != policy.environment || d.estate != policy.estate)
    Fault("I8", "it is of {}/{}, the trust policy of {}/{}", d.environment, d.estate, policy.environment,
          policy.estate);
  if (d.incident != bundle.incident) Fault("I1", "it belongs to {}, not to {}", d.incident, bundle.incident);
  if (d.key != bundle.key) Fault("I1", "it directs the {} key, not the {} key", d.key, bundle.key);
  if (d.key != "recovery" || d.mode != kRecoveryMode) Fault("I1", "key {} with mode {}", d.key, d.mode);
  const bool allowed = std::any_of(policy.allowed.begin(), policy.allowed.end(), [&](const Policy::Allowed& use) {
    return use.procedure == d.procedure && use.digest == d.procedure_digest && use.key == d.key &&
           std::find(use.modes.begin(), use.modes.end(), d.mode) != use.modes.end();
  });
  if (!allowed) Fault("I1", "the trust policy allows no {} of digest {}", d.procedure, Short(d.procedure_digest));
}

void Admission::Time(const Direction& d, UtcTime from, UtcTime to) {
  if (to < d.not_before)
    Fault("I1", "admitted at {}, before it is valid at {}", FormatTime(to), FormatTime(d.not_before));
  if (from > d.not_after + kStep)
    Fault("I1", "admitted at {}, after it was valid until {}", FormatTime(from), FormatTime(d.not_after));
}

void Admission::List(const Bundle& bundle, const Policy& policy, UtcTime from) {
  const auto list = pki::ParseRevocationList(bundle.revocation_list);
  const auto authority = pki::Certificate::Parse(policy.persons_authority);
  if (!list.ok() || !authority.ok() || list->issuer != authority->subject ||
      !list->IsSignedBy(*authority->public_key)) {
    Fault("I10", "admitted without a revocation list of the persons' authority");
    return;
  }
  use_.list_issued = list->this_update;
  if (list->this_update + policy.revocation_list_max_age + kStep < from)
    Fault("I10", "admitted at {} with a revocation list of {}", FormatTime(from), FormatTime(list->this_update));
  if (list->this_update < facts_.newest_list)
    Fault("I10", "admitted with a revocation list of {}, after one of {} was relied on", FormatTime(list->this_update),
          FormatTime(facts_.newest_list));
  revoked_ = facts_.revoked;
  for (const pki::Revoked& one : list->revoked) revoked_.insert(one.serial);
}

// Whose approval it is, if it counts; else empty.
std::string Admission::Voter(const Bundle& bundle, const Bytes& cms, UtcTime from, UtcTime to) {
  for (const auto& [id, person] : use_.policy->persons) {
    if (use_.policy->SeatOf(id) == nullptr || id == use_.direction.requested_by) continue;
    const auto certificate = pki::Certificate::Parse(person.signing);
    if (!certificate.ok()) continue;
    const pki::CmsVerdict verdict = pki::VerifyDetached(AsBytes(bundle.direction), cms, *certificate);
    if (!verdict.ok()) continue;
    const UtcTime signed_at = verdict.signature.signing_time;
    const bool in_time = signed_at >= use_.direction.drafted && signed_at <= to + kClockTolerance;
    const bool current = certificate->not_before <= to && from <= certificate->not_after &&
                         certificate->IsValidAt(signed_at) && !revoked_.contains(certificate->serial);
    return in_time && current && facts_.HasSigned(id, AsBytes(bundle.direction)) ? id : "";
  }
  return "";
}

void Admission::Quorum(const Bundle& bundle, UtcTime from, UtcTime to) {
  for (const Bytes& cms : bundle.approvals) {
    if (const std::string voter = Voter(bundle, cms, from, to); !voter.empty()) use_.approvers.insert(voter);
  }
  const uint64_t votes = CountVotes(*use_.policy, use_.approvers);
  if (votes < use_.policy->needed)
    Fault("I1", "admitted with {} approvals that count; the trust policy asks for {}", votes, use_.policy->needed);
}

void Admission::Populations(const Bundle& bundle) {
  std::set<Eui64> all;
  for (const Group& group : use_.direction.groups) {
    const auto file = bundle.populations.find(group.name);
    if (file == bundle.populations.end()) {
      Fault("I1", "the population of {} was not handed over", group.name);
      continue;
    }
    auto population = ReadPopulation(file->second);
    if (!population.ok()) {
      Fault("I1", "the population of {}: {}", group.name, Message(population.status()));
      continue;
    }
    if (population->digest != group.population || population->devices.size() != group.count)
      Fault("I1", "the population of {} is not the one directed", group.name);
    if (population->environment != use_.policy->environment || population->estate != use_.policy->estate)
      Fault("I8", "the population of {} is of {}/{}", group.name, population->environment, population->estate);
    if (population->group != group.name)
      Fault("I1", "the population of {} is that of {}", group.name, population->group);
    for (Eui64 device : population->devices) {
      if (!all.insert(device).second) Fault("I1", "{} is in two groups", device.ToString());
    }
    use_.populations.emplace(group.name, std::move(population).value());
  }
}

void Admission::Certificates(const Bundle& bundle) {
  for (const Group& group : use_.direction.groups) {
    for (const Digest& digest : group.path) {
      if (!bundle.certificates.contains(digest)) Fault("I1", "path certificate {} was not handed over", Short(digest));
    }
    for (const auto& [cell, digest] : group.replacements) {
      const auto der = bundle.certificates.find(digest);
      const auto certificate = der == bundle.certificates.end() ? Missing() : pki::Certificate::Parse(der->second);
      if (!certificate.ok()) {
        Fault("I1", "certificate {} for {}: {}", Short(digest), cell, Message(certificate.status()));
        continue;
      }
      const auto role = RoleNumber(RoleOf(cell));
      // GBCS.md 4.4: a cell may hold a certificate of the ACB; a supplier's may stand in for the load controller's.
      const bool fits = role && (certificate->subject_ou == fmt::format("{:02X}", *role) ||
                                 certificate->subject_ou == "04" || RoleOf(cell) == "loadController");
      if (!fits || (certificate->key_usage & UsageOf(cell)) == 0)
        Fault("I1", "certificate {} does not fit {}", Short(digest), cell);
      const std::string identifier = ToHex(certificate->public_key->identifier());
      const auto& retired = use_.policy->retired;
      if (std::find(retired.begin(), retired.end(), identifier) != retired.end())
        Fault("I1", "it places the retired key {} in {}", identifier, cell);
    }
  }
}

void Admission::Key(const Bundle& bundle) {
  const auto der = bundle.certificates.find(use_.direction.certificate);
  const auto certificate = der == bundle.certificates.end() ? Missing() : pki::Certificate::Parse(der->second);
  if (!certificate.ok() || !certificate->subject_eui) {
    Fault("I1", "the certificate of the directed key: {}", Message(certificate.status()));
    return;
  }
  use_.originator = *certificate->subject_eui;
  use_.key = certificate->public_key;
  const auto point = facts_.world.token_public_points.find(use_.direction.key);
  const auto& own = certificate->public_key->point();
  if (point == facts_.world.token_public_points.end() ||
      !std::equal(own.begin(), own.end(), point->second.begin(), point->second.end())) {
    Fault("I1", "the directed certificate is not that of the {} token's key", use_.direction.key);
  }
  const std::string identifier = ToHex(certificate->public_key->identifier());
  const auto& retired = use_.policy->retired;
  if (std::find(retired.begin(), retired.end(), identifier) != retired.end())
    Fault("I1", "it uses the retired key {}", identifier);
}

// --- Admissions ---

void Admissions::Prepared(Bundle bundle, UtcTime now) {
  arrived_.push_back({std::move(bundle), now});
}

bool Admissions::Quoted(const Digest& direction, uint64_t sequence, const Digest& head) const {
  return std::any_of(arrived_.begin(), arrived_.end(), [&](const Arrived& one) {
    return one.bundle.digest == direction && one.bundle.ledger_sequence == sequence && one.bundle.ledger_head == head;
  });
}

void Admissions::Admitted(const Digest& direction, UtcTime now, const std::string& where) {
  std::vector<Violation> faults;
  bool found = false;
  for (auto one = arrived_.rbegin(); one != arrived_.rend(); ++one) {
    if (one->bundle.digest != direction) continue;
    Admission admission(facts_);
    Use use = admission.Judge(one->bundle, std::min(one->time, now), std::max(one->time, now));
    if (admission.faults().empty()) return Keep(std::move(use), one->bundle);
    if (!found) faults = admission.faults();
    if (!found) Keep(std::move(use), one->bundle);
    found = true;
  }
  if (!found)
    facts_.findings.Say("I1", "{}: Direction {} was admitted, which nobody handed over", where, Short(direction));
  for (const Violation& fault : faults) facts_.findings.Say(fault.invariant.c_str(), "{} ({})", fault.what, where);
}

void Admissions::Keep(Use use, const Bundle& bundle) {
  if (const auto list = pki::ParseRevocationList(bundle.revocation_list); list.ok()) {
    for (const pki::Revoked& one : list->revoked) facts_.revoked.insert(one.serial);
    facts_.newest_list = std::max(facts_.newest_list, list->this_update);
  }
  for (const std::string& person : use.approvers)
    facts_.Acts(use.direction.incident, person, use.policy->VotingRole(person), "approval of " + use.direction.id);
  const auto requester = use.policy->persons.find(use.direction.requested_by);
  if (requester != use.policy->persons.end()) {
    const bool lead = requester->second.Has("incident-lead"), operates = requester->second.Has("incident-operator");
    if (lead != operates)  // with both, which one it was stands in the ledger
      facts_.Acts(use.direction.incident, requester->first, lead ? "incident-lead" : "incident-operator",
                  "request of " + use.direction.id);
  }
  const Digest digest = use.digest;
  const auto known = facts_.uses.find(digest);
  if (known == facts_.uses.end()) {
    facts_.uses.emplace(digest, std::move(use));
  } else {
    known->second.list_issued = std::max(known->second.list_issued, use.list_issued);
  }
}

}  // namespace smki::simulation
