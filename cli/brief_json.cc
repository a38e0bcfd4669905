// The brief as JSON: everything that the page has.
#include "cli/brief.h"
#include "cli/spoken_digest.h"

namespace smki::cli {
namespace {

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

Json ScopeJson(const Brief& brief) {
  Json kinds = Json::array(), owners = Json::array(), sample = Json::array();
  for (const BriefKind& kind : brief.kinds)
    kinds.push_back({{"device_type", kind.device_type}, {"devices", kind.devices}});
  for (const BriefOwner& owner : brief.owners) {
    owners.push_back({{"organisation", owner.organisation ? owner.organisation->ToString() : ""},
                      {"name", owner.name},
                      {"devices", owner.devices}});
  }
  for (const BriefSample& one : brief.sample)
    sample.push_back({{"device", one.device.ToString()}, {"group", one.group}, {"serial", one.serial}});
  return {{"kinds", kinds}, {"owners", owners}, {"regions", nullptr}, {"sample", sample}};
}

Json FactorsJson(const Brief& brief) {
  Json factors = Json::array(), said = Json::array();
  for (const BriefFactor& factor : brief.factors) {
    factors.push_back({{"id", factor.id},
                       {"question", factor.question},
                       {"weight", factor.mandatory ? "mandatory" : "optional"},
                       {"answer", factor.answer.empty() ? Json(nullptr) : Json(factor.answer)}});
  }
  for (const procedures::GuidanceFactor& one : brief.said)
    said.push_back({{"step", one.id}, {"text", one.answer.text}});
  return {{"known", brief.runbook.ok()}, {"factors", factors}, {"said", said}};
}

Json EarlierJson(const Brief& brief) {
  if (!brief.earlier_asked) return nullptr;
  Json out = Json::array();
  for (const BriefEarlier& earlier : brief.earlier) {
    const procedures::Direction& direction = earlier.use.direction;
    out.push_back({{"direction", direction.id},
                   {"sha256", ToHex(earlier.use.acts.direction)},
                   {"incident", direction.incident},
                   {"key", direction.key},
                   {"procedure", direction.procedure},
                   {"devices", earlier.devices},
                   {"not_after", FormatTime(direction.not_after)},
                   {"approved_by", earlier.approved_by},
                   {"orders", earlier.use.acts.orders}});
  }
  return out;
}

}  // namespace

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
          {"rationale", direction.rationale.text},
          {"devices", brief.devices},
          {"scope", ScopeJson(brief)},
          {"guidance", FactorsJson(brief)},
          {"cannot", brief.cannot},
          {"earlier", EarlierJson(brief)},
          {"earlier_left_out", brief.earlier_left_out},
          {"groups", groups},
          {"approvals", approvals},
          {"approvals_needed", brief.approvals_needed},
          {"rejections", rejections},
          {"allowed", brief.allowed.ok()},
          {"warnings", warnings}};
}

}  // namespace smki::cli
