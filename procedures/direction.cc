#include "procedures/direction.h"

#include <algorithm>
#include <set>

#include "procedures/canonical_archive.h"
#include "procedures/population.h"
#include "procedures/reason.h"
#include "procedures/words.h"

namespace smki::procedures {
namespace {

constexpr size_t kMaxGroups = 64;
constexpr size_t kMaxReplacements = 32;
constexpr size_t kMaxFactors = 64;
constexpr uint64_t kMaxSeqNumber = INT64_MAX;  // GBCS.md 1.4: SeqNumber
constexpr Millis kMaxValidity = std::chrono::hours(24 * 30);

template <typename Archive>
void GroupFields(Archive& a, DirectedGroup& g) {
  a.Field("name", g.name);
  a.Field("deviceType", g.device_type);
  a.Group("population", [&] {
    a.Field("count", g.population_count);
    a.Field("digest", g.population_digest);
  });
  a.List("replacements", g.replacements, [](Archive& b, DirectedReplacement& r) {
    b.Field("cell", r.cell);
    b.Field("certificate", r.certificate);
  });
  a.Values("pathCertificates", g.path_certificates);
  a.List("floors", g.floors, [](Archive& b, DirectedFloor& f) {
    b.Field("role", f.role);
    b.Field("floor", f.floor);
    b.Optional("prepaymentTopUp", f.prepayment_top_up);
  });
  a.Optional("authorisingFloor", g.authorising_floor);
  a.Field("timeChecks", g.time_checks);
}

}  // namespace

template <typename Archive>
void Fields(Archive& a, Direction& d) {
  a.Header("Direction");
  a.Field("id", d.id);
  EnvironmentField(a, d.environment);
  a.Field("incident", d.incident);
  a.Group("ledger", [&] {
    a.Field("sequence", d.ledger_sequence);
    a.Field("head", d.ledger_head);
  });
  a.Field("nonce", d.nonce);
  a.Field("requestedBy", d.requested_by);
  a.Field("drafted", d.drafted);
  a.Group("key", [&] {
    a.Field("name", d.key);
    a.Field("certificate", d.key_certificate);
    a.Optional("originator", d.originator);
  });
  a.Group("procedure", [&] {
    a.Field("id", d.procedure);
    a.Field("digest", d.procedure_digest);
  });
  a.Field("mode", d.mode);
  a.List("groups", d.groups, [](Archive& b, DirectedGroup& g) { GroupFields(b, g); });
  a.Group("counters", [&] {
    a.Field("first", d.counter_first);
    a.Field("last", d.counter_last);
  });
  a.Group("validity", [&] {
    a.Field("notBefore", d.not_before);
    a.Field("notAfter", d.not_after);
  });
  a.Group("limits", [&] {
    a.Field("attemptsPerDevice", d.limits.attempts_per_device);
    a.Field("total", d.limits.total);
    a.Field("outstanding", d.limits.outstanding);
    a.Field("ratePerSecond", d.limits.rate_per_second);
  });
  a.List("factors", d.factors, [](Archive& b, GuidanceFactor& f) {
    b.Field("id", f.id);
    b.Field("answer", f.answer);
  });
  a.Field("rationale", d.rationale);
}

namespace {

template <typename... Args>
Status Malformed(fmt::format_string<Args...> format, Args&&... args) {
  return Refuse(Reason::kDIRECTION_MALFORMED, fmt::format(format, std::forward<Args>(args)...));
}

Status InRange(const std::string& field, uint64_t value, uint64_t min, uint64_t max) {
  if (value >= min && value <= max) return OkStatus();
  return Malformed("{} must be from {} to {}, found {}", field, min, max, value);
}

// Contents octets of the DER INTEGER.
int DerLength(uint64_t value) {
  int octets = 1;
  for (; value >= 0x80; value >>= 8) ++octets;
  return octets;
}

std::string AuthorisingRole(const Direction& d) {
  return d.key == "contingency" ? "root" : "recovery";
}

Status CheckFloors(const Direction& d, const DirectedGroup& g, const std::set<std::string>& replaced) {
  std::set<std::string> seen;
  for (const DirectedFloor& f : g.floors) {
    const std::string where = fmt::format("group {}: floor of '{}'", g.name, f.role);
    if (f.role == "recovery" || f.role == "root")
      return Malformed("{}: recovery and root have no floor among the other roles' ([6])", where);
    if (!replaced.contains(f.role)) return Malformed("{}: no cell of this role is replaced", where);
    if (!seen.insert(f.role).second) return Malformed("{} is given twice", where);
    SMKI_RETURN_IF_ERROR(InRange(where, f.floor, 0, kMaxSeqNumber));
    if (!f.prepayment_top_up) continue;
    if (f.role != "supplier") return Malformed("{}: only the supplier has a prepayment top-up floor", where);
    SMKI_RETURN_IF_ERROR(InRange(where + ": prepaymentTopUp", *f.prepayment_top_up, 0, kMaxSeqNumber));
  }
  if (!g.authorising_floor) return OkStatus();
  // [4] resets the counter that protects this very key against replay: only for whoever gets a new key.
  if (!replaced.contains(AuthorisingRole(d))) {
    return Malformed("group {}: authorisingFloor is only for a new key in the {} cell", g.name, AuthorisingRole(d));
  }
  return InRange(fmt::format("group {}: authorisingFloor", g.name), *g.authorising_floor, 0, kMaxSeqNumber);
}

Status CheckGroup(const Direction& d, const DirectedGroup& g) {
  SMKI_RETURN_IF_ERROR(
      InRange(fmt::format("group {}: population count", g.name), g.population_count, 1, kMaxPopulation));
  SMKI_RETURN_IF_ERROR(
      InRange(fmt::format("group {}: replacements", g.name), g.replacements.size(), 1, kMaxReplacements));
  std::set<std::string> replaced;
  for (size_t i = 0; i < g.replacements.size(); ++i) {
    const std::string& cell = g.replacements[i].cell;
    const auto role = RoleOfCell(cell);
    if (!role)
      return Malformed("group {}: '{}' is no trust anchor cell such as supplier/digitalSignature", g.name, cell);
    if (i > 0 && g.replacements[i - 1].cell >= cell) {
      return Malformed("group {}: cell {} after {}; cells stand in increasing order, each once", g.name, cell,
                       g.replacements[i - 1].cell);
    }
    replaced.insert(*role);
  }
  SMKI_RETURN_IF_ERROR(InRange(fmt::format("group {}: pathCertificates", g.name), g.path_certificates.size(), 1, 3));
  if (std::set<Digest>(g.path_certificates.begin(), g.path_certificates.end()).size() != g.path_certificates.size()) {
    return Malformed("group {}: a path certificate is given twice", g.name);
  }
  return CheckFloors(d, g, replaced);
}

Status CheckGroups(const Direction& d) {
  SMKI_RETURN_IF_ERROR(InRange("groups", d.groups.size(), 1, kMaxGroups));
  for (size_t i = 0; i < d.groups.size(); ++i) {
    if (i > 0 && d.groups[i - 1].name >= d.groups[i].name) {
      return Malformed("group {} after {}; groups stand in increasing order of name, each once", d.groups[i].name,
                       d.groups[i - 1].name);
    }
    SMKI_RETURN_IF_ERROR(CheckGroup(d, d.groups[i]));
  }
  return OkStatus();
}

Status CheckLimits(const Direction& d) {
  SMKI_RETURN_IF_ERROR(InRange("counters.first", d.counter_first, 1, kMaxSeqNumber));
  SMKI_RETURN_IF_ERROR(InRange("counters.last", d.counter_last, d.counter_first, kMaxSeqNumber));
  // The signer fills counters into a template: all commands of a Direction have one length.
  if (DerLength(d.counter_first) != DerLength(d.counter_last)) {
    return Malformed("counters {} to {} have DER encodings of different lengths", d.counter_first, d.counter_last);
  }
  SMKI_RETURN_IF_ERROR(InRange("limits.attemptsPerDevice", d.limits.attempts_per_device, 1, 10));
  SMKI_RETURN_IF_ERROR(InRange("limits.total", d.limits.total, 1, d.counter_last - d.counter_first + 1));
  SMKI_RETURN_IF_ERROR(InRange("limits.outstanding", d.limits.outstanding, 1, d.limits.total));
  return InRange("limits.ratePerSecond", d.limits.rate_per_second, 1, 1'000'000);
}

Status CheckRules(const Direction& d) {
  if (!d.id.starts_with("DIR-")) return Malformed("id must begin with DIR-, found {}", d.id);
  if (!d.environment.IsKnownKind())
    return Malformed("environment.kind must be production, drill or test, found {}", d.environment.kind);
  // One spelling only: nonces are compared as text.
  const auto nonce = FromHex(d.nonce);
  if (!nonce || nonce->size() != 16 || ToHex(*nonce) != d.nonce) {
    return Malformed("nonce must be 32 lower-case hexadecimal digits, found {}", d.nonce);
  }
  if (d.key != "recovery" && d.key != "contingency")
    return Malformed("key.name must be recovery or contingency, found {}", d.key);
  if (d.mode != ModeOfKey(d.key))
    return Malformed("mode of the {} key is {}, found {}", d.key, ModeOfKey(d.key), d.mode);
  if (d.originator.has_value() != (d.key == "contingency"))
    return Malformed("key.originator is for the contingency key, and it needs one");
  SMKI_RETURN_IF_ERROR(CheckGroups(d));
  SMKI_RETURN_IF_ERROR(CheckLimits(d));
  if (d.not_after <= d.not_before) return Malformed("validity.notAfter must be after validity.notBefore");
  if (d.not_after - d.not_before > kMaxValidity) return Malformed("validity is longer than 30 days");
  SMKI_RETURN_IF_ERROR(InRange("factors", d.factors.size(), 0, kMaxFactors));
  std::set<std::string> factors;
  for (const GuidanceFactor& f : d.factors) {
    if (!factors.insert(f.id).second) return Malformed("factor {} is answered twice", f.id);
  }
  return OkStatus();
}

}  // namespace

const DirectedGroup* Direction::FindGroup(const std::string& name) const {
  const auto it = std::find_if(groups.begin(), groups.end(), [&](const DirectedGroup& g) { return g.name == name; });
  return it == groups.end() ? nullptr : &*it;
}

std::string RenderDirection(const Direction& direction) {
  return RenderCanonical(direction);
}

StatusOr<Direction> ParseDirection(std::string_view text) {
  auto direction = ParseCanonical<Direction>(text, kMaxDocument);
  if (!direction.ok()) return Refuse(Reason::kDIRECTION_NOT_CANONICAL, Message(direction.status()));
  SMKI_RETURN_IF_ERROR(CheckRules(*direction));
  return direction;
}

Status CheckDirection(const Direction& direction) {
  // What has no canonical text is malformed; the line says which field.
  const auto again = ParseCanonical<Direction>(RenderDirection(direction), kMaxDocument);
  if (!again.ok()) return Malformed("{}", Message(again.status()));
  return CheckRules(direction);
}

}  // namespace smki::procedures
