// The brief as a page.
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

std::string Heading(const char* words, const Style& style) {
  return "\n  " + style.Strong(words) + "\n";
}

std::string RequestText(const Brief& brief, const Style& style) {
  const procedures::Direction& direction = brief.direction;
  std::string out = style.Strong("Direction " + direction.id) + "\n";
  out += Fact("asks for",
              fmt::format("the {} key, {}, to replace certificates on {}", direction.key, direction.procedure,
                          Count(brief.devices, "Device")),
              kLabel);
  out += Fact("incident",
              direction.incident + ", requested by " + direction.requested_by + " at " + FormatTime(direction.drafted),
              kLabel);
  out += Fact("environment", direction.environment.ToString(), kLabel);
  out += Heading("What happened", style) + Fact("rationale", direction.rationale.text, kLabel, 4);
  for (const procedures::GuidanceFactor& said : brief.said) out += Fact(said.id, said.answer.text, kLabel, 4);
  return out;
}

std::string ScopeText(const Brief& brief, const Style& style) {
  std::string out = Heading("Which Devices", style);
  for (const BriefKind& kind : brief.kinds)
    out += Fact("kind", fmt::format("{} of type {}", Count(kind.devices, "Device"), kind.device_type), kLabel, 4);
  out += Fact("", "as the Direction says; no certificate of a Device names its type", kLabel, 4);
  for (const BriefOwner& owner : brief.owners) {
    const std::string name = owner.organisation ? Printable(owner.name + " " + owner.organisation->ToString())
                                                : "not known to this tool: no supplier's certificate is replaced";
    out += Fact("owner", fmt::format("{}, {}", name, Count(owner.devices, "Device")), kLabel, 4);
  }
  out += Fact("region",
              "not known to this tool: neither the Direction nor the populations nor the Repository say where a Device "
              "is",
              kLabel, 4);
  const char* label = "sample";
  for (const BriefSample& one : brief.sample) {
    out += Fact(label,
                fmt::format("{}  {}, {}", one.device.ToString(), one.group,
                            one.serial.empty() ? "no certificate In-Use here" : "certificate " + one.serial),
                kLabel, 4);
    label = "";
  }
  return out + Fact(label,
                    brief.sample.empty() ? "none: no population here is the directed one"
                                         : "drawn on this machine; look them up elsewhere: are they what is said here?",
                    kLabel, 4);
}

std::string FactorsText(const Brief& brief, const Style& style) {
  if (!brief.runbook.ok()) return Heading("Key Guidance", style) + Fact("factors", Message(brief.runbook), kLabel, 4);
  std::string out;
  for (const bool mandatory : {true, false}) {
    out += Heading(mandatory ? "Key Guidance: what the PMA shall take into account (mandatory)"
                             : "Key Guidance: what it may (optional)",
                   style);
    for (const BriefFactor& factor : brief.factors) {
      if (factor.mandatory != mandatory) continue;
      out += "    " + style.Strong(factor.id) + "  " + style.Faint(factor.question) + "\n";
      out += Fact("", factor.answer.empty() ? style.Warn("not answered") : factor.answer, 1, 6);
    }
  }
  return out;
}

std::string AskedText(const Brief& brief, const Style& style) {
  const procedures::Direction& direction = brief.direction;
  std::string out = Heading("What is asked", style);
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, text, kLabel, 4); };
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
  if (brief.repository_given) {
    fact("repository", fmt::format("{} certificates, full {}, last delta {}", Count(brief.repository.certificates),
                                   brief.repository.full_date, brief.repository.last_delta_date));
  }
  for (const BriefGroup& group : brief.groups) out += GroupText(group, brief.repository_given, style);
  return out;
}

std::string BoundsText(const Brief& brief, const Style& style) {
  std::string out = Heading("What it cannot do", style);
  for (const std::string& sentence : brief.cannot) out += Fact("-", Printable(sentence), 1, 4);
  out += Heading("Other Directions that still allow", style);
  for (const BriefEarlier& earlier : brief.earlier) {
    const procedures::Direction& direction = earlier.use.direction;
    out += Fact(direction.id,
                Printable(fmt::format("{}: the {} key, {}, {}, until {}; approved by {}; orders: {}",
                                      direction.incident, direction.key, direction.procedure,
                                      Count(earlier.devices, "Device"), FormatTime(direction.not_after),
                                      fmt::join(earlier.approved_by, ", "), earlier.use.acts.orders)),
                kLabel, 4);
  }
  if (!brief.earlier_asked) return out + Fact("-", "not known: the orchestrator was not asked", 1, 4);
  if (brief.earlier.empty()) out += Fact("-", "none of those that the orchestrator showed", 1, 4);
  return out + Fact("-",
                    "shown by the orchestrator, judged here; an earlier draft of this same incident is not among them",
                    1, 4);
}

std::string VotesText(const Brief& brief, const Style& style) {
  uint64_t good = 0;
  std::string names, out = "\n";
  for (const BriefApproval& approval : brief.approvals) {
    if (!approval.fault.empty()) continue;
    ++good;
    names += (names.empty() ? "" : ", ") + approval.person;
  }
  out += Fact("approvals", fmt::format("{} of {}{}", good, brief.approvals_needed, names.empty() ? "" : ": " + names),
              kLabel);
  for (const BriefRejection& rejection : brief.rejections)
    out += Fact("rejected", Printable(rejection.person + ": " + rejection.reason), kLabel);
  return out +
         Fact("policy", brief.allowed.ok() ? style.Good("allows this use") : style.Bad("does not allow it"), kLabel);
}

std::string WarningsText(const Brief& brief, const Style& style) {
  if (brief.warnings.empty()) return Fact("warnings", style.Good("none"), kLabel);
  std::string out = "\n" + style.Strong("  Before you sign") + "\n";
  for (const Brief::Warning& warning : brief.warnings)
    out += Fact(warning.grave ? style.Bad("STOP") : style.Warn("note"), Printable(warning.text), kLabel);
  return out;
}

}  // namespace

std::string BriefText(const Brief& brief, const Style& style) {
  std::string out = RequestText(brief, style) + ScopeText(brief, style) + FactorsText(brief, style) +
                    AskedText(brief, style) + BoundsText(brief, style) + VotesText(brief, style) +
                    WarningsText(brief, style);
  out += "\n" + Fact("SHA-256", style.Strong(ToHex(brief.digest)), kLabel);
  const char* label = "aloud";
  for (const std::string& line : SpokenLines(brief.digest)) {
    out += Fact(label, line, kLabel);
    label = "";
  }
  out += Fact("", "This is what you sign. Read the words out to another member: both must see the same.", kLabel);
  return out;
}

}  // namespace smki::cli
