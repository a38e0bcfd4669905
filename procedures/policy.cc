#include "procedures/policy.h"

#include <algorithm>
#include <set>

#include "procedures/person_archive.h"
#include "procedures/words.h"

namespace smki::procedures {
namespace {

constexpr size_t kMaxPersons = 1000;
constexpr size_t kMaxSeats = 64;
constexpr size_t kMaxList = 64;
constexpr uint64_t kMaxShareIndex = 255;
constexpr size_t kMaxRetired = 1000;
constexpr size_t kKeyIdentifierSize = 8;

template <typename Archive>
void KeyFields(Archive& a, KeyCustody& k) {
  a.Field("key", k.key);
  a.Field("token", k.token);
  a.Field("threshold", k.threshold);
  a.List("custodians", k.custodians, [](Archive& b, CustodianShare& s) {
    b.Field("person", s.person);
    b.Field("index", s.index);
    b.Field("commitment", s.commitment);
  });
}

}  // namespace

template <typename Archive>
void Fields(Archive& a, TrustPolicy& p) {
  a.Header("TrustPolicy");
  a.Field("version", p.version);
  EnvironmentField(a, p.environment);
  a.Field("previous", p.previous);
  a.Field("issued", p.issued);
  a.Group("approvals", [&] {
    a.Field("needed", p.approvals_needed);
    a.Field("withdrawalsNeeded", p.withdrawals_needed);
    a.Field("oneVotePerOrganisation", p.one_vote_per_organisation);
  });
  a.Optional("chair", p.chair);
  a.List("seats", p.seats, [](Archive& b, Seat& s) {
    b.Field("name", s.name);
    b.Field("member", s.member);
    b.Values("alternates", s.alternates);
  });
  a.List("persons", p.persons, [](Archive& b, Person& person) { PersonFields(b, person); });
  a.List("keys", p.keys, [](Archive& b, KeyCustody& k) { KeyFields(b, k); });
  a.OptionalValues("retired", p.retired);
  a.List("allowed", p.allowed, [](Archive& b, AllowedUse& u) {
    b.Field("procedure", u.procedure);
    b.Field("digest", u.digest);
    b.Field("key", u.key);
    b.Values("modes", u.modes);
  });
  a.List("conflicts", p.conflicts, [](Archive& b, RoleConflict& c) {
    b.Field("a", c.a);
    b.Field("b", c.b);
  });
  a.Group("identities", [&] {
    a.Field("keyguard", p.keyguard_certificate);
    a.Field("orchestrator", p.orchestrator_certificate);
  });
  a.Field("personsAuthority", p.persons_authority);
  a.Field("revocationListMaxAge", p.revocation_list_max_age);
  a.Field("organisationRoot", p.organisation_root);
  a.Values("deviceAuthorities", p.device_authorities);
}

namespace {

template <typename... Args>
Status Broken(fmt::format_string<Args...> format, Args&&... args) {
  return InvalidArgument("trust policy: {}", fmt::format(format, std::forward<Args>(args)...));
}

Status InRange(const std::string& what, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return OkStatus();
  return Broken("{} must be from {} to {}, found {}", what, min, max, value);
}

Status CheckPersons(const TrustPolicy& p) {
  SMKI_RETURN_IF_ERROR(InRange("the number of persons", p.persons.size(), 1, kMaxPersons));
  std::set<std::string> ids;
  for (const Person& person : p.persons) {
    if (!ids.insert(person.id).second) return Broken("person {} is defined twice", person.id);
    if (person.roles.empty()) return Broken("person {} has no role", person.id);
    std::set<std::string> roles;
    for (const std::string& role : person.roles) {
      if (!IsPolicyRole(role)) return Broken("person {} has the unknown role {}", person.id, role);
      if (!roles.insert(role).second) return Broken("person {} has role {} twice", person.id, role);
    }
  }
  return OkStatus();
}

StatusOr<const Person*> PersonWithRole(const TrustPolicy& p, const std::string& where, const std::string& id,
                                       const char* role) {
  const Person* person = p.FindPerson(id);
  if (person == nullptr) return Broken("{}: no person {}", where, id);
  if (!person->HasRole(role)) return Broken("{}: {} does not have the role {}", where, id, role);
  return person;
}

Status CheckSeats(const TrustPolicy& p) {
  SMKI_RETURN_IF_ERROR(InRange("the number of seats", p.seats.size(), 2, kMaxSeats));
  SMKI_RETURN_IF_ERROR(InRange("approvals.needed", p.approvals_needed, 2, p.seats.size()));
  SMKI_RETURN_IF_ERROR(InRange("approvals.withdrawalsNeeded", p.withdrawals_needed, 1, p.seats.size()));
  std::set<std::string> names;
  std::set<std::string> seated;  // one person, one seat: SeatOf must be unambiguous
  for (const Seat& seat : p.seats) {
    const std::string where = "seat " + seat.name;
    if (!names.insert(seat.name).second) return Broken("{} is defined twice", where);
    SMKI_ASSIGN_OR_RETURN(const Person* member, PersonWithRole(p, where, seat.member, "pma-member"));
    if (!seated.insert(member->id).second) return Broken("{}: {} already has a seat", where, member->id);
    for (const std::string& id : seat.alternates) {
      SMKI_ASSIGN_OR_RETURN(const Person* alternate, PersonWithRole(p, where, id, "pma-alternate"));
      if (!seated.insert(id).second) return Broken("{}: {} already has a seat", where, id);
      // DOMAIN section 1 (read: 004, 3.2).
      if (alternate->organisation == member->organisation) {
        return Broken("{}: alternate {} is of the member's own organisation {}", where, id, member->organisation);
      }
    }
  }
  if (!p.chair) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const Person* chair, PersonWithRole(p, "chair", *p.chair, "pma-chair"));
  // DOMAIN section 1: the Chair has a casting vote only.
  if (seated.contains(chair->id)) return Broken("chair: {} already has a seat", chair->id);
  return OkStatus();
}

Status CheckCustody(const TrustPolicy& p, const KeyCustody& k) {
  const std::string where = "key " + k.key;
  if (k.key != "recovery" && k.key != "contingency" && k.key != "symmetric") {
    return Broken("{}: keys are recovery, contingency and symmetric", where);
  }
  SMKI_RETURN_IF_ERROR(InRange(where + ": custodians", k.custodians.size(), 2, kMaxShareIndex));
  // A threshold of 1 would make one person the key.
  SMKI_RETURN_IF_ERROR(InRange(where + ": threshold", k.threshold, 2, k.custodians.size()));
  std::set<std::string> persons;
  std::set<uint64_t> indices;
  for (const CustodianShare& share : k.custodians) {
    SMKI_RETURN_IF_ERROR(PersonWithRole(p, where, share.person, "key-custodian").status());
    SMKI_RETURN_IF_ERROR(
        InRange(fmt::format("{}: share index of {}", where, share.person), share.index, 1, kMaxShareIndex));
    if (!persons.insert(share.person).second) return Broken("{}: {} holds two shares", where, share.person);
    if (!indices.insert(share.index).second) return Broken("{}: share index {} is given twice", where, share.index);
  }
  return OkStatus();
}

// I5: one token, one secret, one custodian set per key.
Status CheckKeys(const TrustPolicy& p) {
  std::set<std::string> keys, tokens;
  for (const KeyCustody& k : p.keys) {
    if (!keys.insert(k.key).second) return Broken("key {} is defined twice", k.key);
    if (!tokens.insert(k.token).second) return Broken("key {}: token {} holds another key already", k.key, k.token);
    SMKI_RETURN_IF_ERROR(CheckCustody(p, k));
  }
  return OkStatus();
}

Status CheckRetired(const TrustPolicy& p) {
  SMKI_RETURN_IF_ERROR(InRange("the number of retired keys", p.retired.size(), 0, kMaxRetired));
  std::set<std::string> seen;
  for (const std::string& key : p.retired) {
    const auto octets = FromHex(key);
    if (!octets || octets->size() != kKeyIdentifierSize || ToHex(*octets) != key)
      return Broken("retired: '{}' is no key identifier of {} octets", key, kKeyIdentifierSize);
    if (!seen.insert(key).second) return Broken("retired: {} stands twice", key);
  }
  return OkStatus();
}

Status CheckAllowed(const TrustPolicy& p) {
  SMKI_RETURN_IF_ERROR(InRange("the number of allowed uses", p.allowed.size(), 0, kMaxList));
  for (const AllowedUse& use : p.allowed) {
    const std::string where = "allowed use " + use.procedure;
    if (use.modes.empty()) return Broken("{}: no mode", where);
    for (const std::string& mode : use.modes) {
      if (mode != ModeOfKey(use.key)) return Broken("{}: key {} has no mode {}", where, use.key, mode);
    }
  }
  SMKI_RETURN_IF_ERROR(InRange("the number of conflicts", p.conflicts.size(), 0, kMaxList));
  for (const RoleConflict& c : p.conflicts) {
    if (!IsPolicyRole(c.a) || !IsPolicyRole(c.b) || c.a == c.b)
      return Broken("conflict of {} and {}: name two different roles", c.a, c.b);
  }
  return OkStatus();
}

Status CheckPolicy(const TrustPolicy& p) {
  if (p.version == 0) return Broken("version begins at 1");
  if ((p.version == 1) != (p.previous == Digest{})) return Broken("previous is zeros for version 1, and only for it");
  if (!p.environment.IsKnownKind())
    return Broken("environment.kind must be production, drill or test, found {}", p.environment.kind);
  SMKI_RETURN_IF_ERROR(CheckPersons(p));
  SMKI_RETURN_IF_ERROR(CheckSeats(p));
  SMKI_RETURN_IF_ERROR(CheckKeys(p));
  SMKI_RETURN_IF_ERROR(CheckRetired(p));
  SMKI_RETURN_IF_ERROR(CheckAllowed(p));
  if (p.revocation_list_max_age.count() == 0) return Broken("revocationListMaxAge must not be zero");
  return InRange("the number of deviceAuthorities", p.device_authorities.size(), 1, kMaxList);
}

template <typename T, typename Match>
const T* FindIn(const std::vector<T>& items, Match match) {
  const auto it = std::find_if(items.begin(), items.end(), match);
  return it == items.end() ? nullptr : &*it;
}

}  // namespace

bool Person::HasRole(const std::string& role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

const Person* TrustPolicy::FindPerson(const std::string& id) const {
  return FindIn(persons, [&](const Person& p) { return p.id == id; });
}

const Seat* TrustPolicy::SeatOf(const std::string& person) const {
  return FindIn(seats, [&](const Seat& s) {
    return s.member == person || std::find(s.alternates.begin(), s.alternates.end(), person) != s.alternates.end();
  });
}

const KeyCustody* TrustPolicy::FindKey(const std::string& key) const {
  return FindIn(keys, [&](const KeyCustody& k) { return k.key == key; });
}

std::string RenderPolicy(const TrustPolicy& policy) {
  return RenderCanonical(policy);
}

StatusOr<TrustPolicy> ParsePolicy(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(TrustPolicy policy, ParseCanonical<TrustPolicy>(text, kMaxPolicy));
  SMKI_RETURN_IF_ERROR(CheckPolicy(policy));
  return policy;
}

}  // namespace smki::procedures
