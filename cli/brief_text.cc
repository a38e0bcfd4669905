// The brief as a page and as JSON.
#include "cli/brief.h"
#include "cli/spoken_digest.h"
#include "cli/text.h"

namespace smki::cli {
namespace {

constexpr size_t kLabel = 13;

std::string CertificateWords(const pki::Certificate& certificate) {
  const std::string eui = certificate.subject_eui ? certificate.subject_eui->ToString() : "no EUI-64";
  return Printable(fmt::format("{}{}, key {}", certificate.subject_cn.empty() ? "" : certificate.subject_cn + ", ", eui,
                               ToHex(certificate.subject_key_identifier)));
}

std::string RepositoryWords(const RepositoryFact& fact, bool given) {
  if (!given) return "not checked";
  if (!fact.known) return "NOT IN REPOSITORY";
  return fact.in_use ? "In-Use in the Repository, lodged " + fact.lodged : "in the Repository, but NOT In-Use";
}

std::string CellText(const BriefCell& cell, bool repository_given, const Style& style) {
  std::string out = "    " + style.Strong(cell.cell.empty() ? "path" : cell.cell) + "\n";
  if (!cell.certificate) return out + Fact("new", "unknown certificate " + ToHex(cell.digest), kLabel, 6);
  const pki::Certificate& certificate = *cell.certificate;
  out += Fact("new", CertificateWords(certificate), kLabel, 6);
  out += Fact("valid",
              FormatDate(certificate.not_before) + " to " + FormatDate(certificate.not_after) + ", issued by " +
                  Printable(certificate.issuer_cn),
              kLabel, 6);
  out += Fact("repository", RepositoryWords(cell.repository, repository_given), kLabel, 6);
  for (const pki::Certificate& old : cell.old) {
    out += Fact("replaces", "key " + ToHex(old.subject_key_identifier) + ", serial " + old.SerialHex(), kLabel, 6);
  }
  return out;
}

std::string GroupText(const BriefGroup& group, bool repository_given, const Style& style) {
  const procedures::DirectedGroup& directed = *group.directed;
  std::string out = "\n  " + style.Strong("Group " + directed.name) + "\n";
  out += Fact("devices", fmt::format("{} of type {}", Count(directed.population_count, "Device"), directed.device_type),
              kLabel, 4);
  if (group.first) out += Fact("from, to", group.first->ToString() + "  to  " + group.last->ToString(), kLabel, 4);
  out += Fact("population",
              !group.population_given  ? "no file to compare"
              : group.population_equal ? style.Good("equal to the directed digest")
                                       : style.Bad("NOT the directed one"),
              kLabel, 4);
  if (group.first && repository_given) {
    out += Fact("provable", fmt::format("{} have a certificate in the Repository", Count(group.with_certificate)),
                kLabel, 4);
  }
  if (directed.authorising_floor)
    out += Fact("floor", fmt::format("recovery {}", *directed.authorising_floor), kLabel, 4);
  for (const procedures::DirectedFloor& floor : directed.floors) {
    const std::string top_up =
        floor.prepayment_top_up ? fmt::format(", prepayment top-up {}", *floor.prepayment_top_up) : "";
    out += Fact("floor", fmt::format("{} {}{}", floor.role, floor.floor, top_up), kLabel, 4);
  }
  for (const BriefCell& cell : group.cells) out += CellText(cell, repository_given, style);
  for (const BriefCell& cell : group.path) out += CellText(cell, repository_given, style);
  return out;
}

Json CertificateJson(const pki::Certificate& certificate) {
  return {{"sha256", ToHex(certificate.sha256())},
          {"subject", certificate.subject_cn},
          {"role", certificate.subject_ou},
          {"eui", certificate.subject_eui ? certificate.subject_eui->ToString() : ""},
          {"key_identifier", ToHex(certificate.subject_key_identifier)},
          {"serial", certificate.SerialHex()},
          {"issuer", certificate.issuer_cn},
          {"not_before", FormatTime(certificate.not_before)},
          {"not_after", FormatTime(certificate.not_after)}};
}

Json CellJson(const BriefCell& cell) {
  Json old = Json::array();
  for (const pki::Certificate& certificate : cell.old) old.push_back(CertificateJson(certificate));
  return {{"cell", cell.cell},
          {"sha256", ToHex(cell.digest)},
          {"certificate", cell.certificate ? CertificateJson(*cell.certificate) : Json(nullptr)},
          {"in_repository", cell.repository.known},
          {"in_use", cell.repository.in_use},
          {"lodged", cell.repository.lodged},
          {"replaces", old}};
}

Json GroupJson(const BriefGroup& group) {
  Json cells = Json::array(), path = Json::array(), floors = Json::array();
  for (const BriefCell& cell : group.cells) cells.push_back(CellJson(cell));
  for (const BriefCell& cell : group.path) path.push_back(CellJson(cell));
  for (const procedures::DirectedFloor& floor : group.directed->floors)
    floors.push_back({{"role", floor.role}, {"floor", floor.floor}});
  return {{"name", group.directed->name},
          {"device_type", group.directed->device_type},
          {"devices", group.directed->population_count},
          {"population_equal", group.population_equal},
          {"first", group.first ? group.first->ToString() : ""},
          {"last", group.last ? group.last->ToString() : ""},
          {"with_certificate", group.with_certificate},
          {"cells", cells},
          {"path", path},
          {"floors", floors},
          {"time_checks", group.directed->time_checks}};
}

}  // namespace

std::string BriefText(const Brief& brief, const Style& style) {
  const procedures::Direction& direction = brief.direction;
  std::string out = style.Strong("Direction " + direction.id) + "\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, text, kLabel); };
  fact("asks for", fmt::format("the {} key, {}, to replace certificates on {}", direction.key, direction.procedure,
                               Count(brief.devices, "Device")));
  fact("incident",
       direction.incident + ", requested by " + direction.requested_by + " at " + FormatTime(direction.drafted));
  fact("environment", direction.environment.ToString());
  fact("key", brief.key_certificate ? CertificateWords(*brief.key_certificate)
                                    : "certificate unknown: " + ToHex(direction.key_certificate));
  fact("procedure", "runbook " + ToHex(direction.procedure_digest).substr(0, 16) + ", mode " + direction.mode);
  fact("valid", FormatTime(direction.not_before) + "  to  " + FormatTime(direction.not_after));
  fact("counters", fmt::format("{} to {}", direction.counter_first, direction.counter_last));
  fact("limits", fmt::format("{} attempts a Device, {} signatures in all, {} unproven at a time, {} a second",
                             direction.limits.attempts_per_device, Count(direction.limits.total),
                             Count(direction.limits.outstanding), Count(direction.limits.rate_per_second)));
  fact("ledger", fmt::format("drafted at entry {}, head {}", direction.ledger_sequence,
                             ToHex(direction.ledger_head).substr(0, 16)));
  fact("rationale", direction.rationale.text);
  for (const procedures::GuidanceFactor& factor : direction.factors)
    fact("factor", factor.id + ": " + factor.answer.text);
  if (brief.repository_given) {
    fact("repository", fmt::format("{} certificates, full {}, last delta {}", Count(brief.repository.certificates),
                                   brief.repository.full_date, brief.repository.last_delta_date));
  }
  for (const BriefGroup& group : brief.groups) out += GroupText(group, brief.repository_given, style);

  uint64_t good = 0;
  std::string names;
  for (const BriefApproval& approval : brief.approvals) {
    if (!approval.fault.empty()) continue;
    ++good;
    names += (names.empty() ? "" : ", ") + approval.person;
  }
  out += "\n";
  fact("approvals", fmt::format("{} of {}{}", good, brief.approvals_needed, names.empty() ? "" : ": " + names));
  for (const BriefRejection& rejection : brief.rejections)
    fact("rejected", Printable(rejection.person + ": " + rejection.reason));
  fact("policy", brief.allowed.ok() ? style.Good("allows this use") : style.Bad("does not allow it"));
  if (brief.warnings.empty()) {
    fact("warnings", style.Good("none"));
  } else {
    out += "\n" + style.Strong("  Before you sign") + "\n";
    for (const Brief::Warning& warning : brief.warnings) {
      out += Fact(warning.grave ? style.Bad("STOP") : style.Warn("note"), Printable(warning.text), kLabel);
    }
  }
  out += "\n" + Fact("SHA-256", style.Strong(ToHex(brief.digest)), kLabel);
  const char* label = "aloud";
  for (const std::string& line : SpokenLines(brief.digest)) {
    out += Fact(label, line, kLabel);
    label = "";
  }
  out += Fact("", "This is what you sign. Read the words out to another member: both must see the same.", kLabel);
  return out;
}

Json BriefJson(const Brief& brief) {
  const procedures::Direction& direction = brief.direction;
  Json groups = Json::array(), approvals = Json::array(), warnings = Json::array();
  for (const BriefGroup& group : brief.groups) groups.push_back(GroupJson(group));
  for (const BriefApproval& approval : brief.approvals) {
    approvals.push_back(
        {{"person", approval.person}, {"time", FormatTime(approval.signing_time)}, {"fault", approval.fault}});
  }
  Json rejections = Json::array();
  for (const BriefRejection& rejection : brief.rejections) {
    rejections.push_back({{"person", rejection.person}, {"reason", rejection.reason}, {"fault", rejection.fault}});
  }
  for (const Brief::Warning& warning : brief.warnings)
    warnings.push_back({{"grave", warning.grave}, {"text", warning.text}});
  return {{"direction", direction.id},
          {"sha256", ToHex(brief.digest)},
          {"words", SpokenLines(brief.digest)},
          {"incident", direction.incident},
          {"environment", direction.environment.ToString()},
          {"requested_by", direction.requested_by},
          {"key", direction.key},
          {"procedure", direction.procedure},
          {"mode", direction.mode},
          {"not_before", FormatTime(direction.not_before)},
          {"not_after", FormatTime(direction.not_after)},
          {"counters", {{"first", direction.counter_first}, {"last", direction.counter_last}}},
          {"limits",
           {{"attempts_per_device", direction.limits.attempts_per_device},
            {"total", direction.limits.total},
            {"outstanding", direction.limits.outstanding},
            {"rate_per_second", direction.limits.rate_per_second}}},
          {"devices", brief.devices},
          {"groups", groups},
          {"approvals", approvals},
          {"approvals_needed", brief.approvals_needed},
          {"rejections", rejections},
          {"allowed", brief.allowed.ok()},
          {"warnings", warnings}};
}

}  // namespace smki::cli
