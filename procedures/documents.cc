#include "procedures/documents.h"

#include <algorithm>
#include <functional>
#include <initializer_list>

#include "procedures/canonical_archive.h"

namespace smki::procedures {

template <typename A>
void Fields(A& a, Rejection& d) {
  a.Header("Rejection");
  EnvironmentField(a, d.environment);
  a.Field("direction", d.direction);
  a.Field("person", d.person);
  a.Field("reason", d.reason);
}

template <typename A>
void Fields(A& a, CastingVote& d) {
  a.Header("CastingVote");
  EnvironmentField(a, d.environment);
  a.Field("direction", d.direction);
  a.Field("person", d.person);
  a.Field("decision", d.decision);
  a.Values("approvals", d.approvals);
  a.Values("rejections", d.rejections);
  a.Field("time", d.time);
  a.Field("reason", d.reason);
}

template <typename A>
void Fields(A& a, PmaOrder& d) {
  a.Header("PmaOrder");
  a.Field("order", d.order);
  EnvironmentField(a, d.environment);
  a.Field("direction", d.direction);
  a.Field("person", d.person);
  a.Field("time", d.time);
  a.Field("reason", d.reason);
}

template <typename A>
void Fields(A& a, Statement& d) {
  a.Header("Statement");
  EnvironmentField(a, d.environment);
  a.Field("incident", d.incident);
  a.Field("step", d.step);
  a.Field("verb", d.verb);
  a.Field("choice", d.choice);
  a.OptionalList("factors", d.factors, [](A& b, GuidanceFactor& f) {
    b.Field("id", f.id);
    b.Field("answer", f.answer);
  });
  a.Optional("deviation", d.deviation);
  a.Optional("notAfter", d.not_after);
  a.Optional("runbook", d.runbook);
  a.Optional("witness", d.witness);
  a.Field("expectedSequence", d.expected_sequence);
  a.Field("person", d.person);
  a.Field("time", d.time);
  a.Field("text", d.text);
}

template <typename A>
void Fields(A& a, CeremonyRequest& d) {
  a.Header("CeremonyRequest");
  EnvironmentField(a, d.environment);
  a.Field("id", d.id);
  a.Field("incident", d.incident);
  a.Group("direction", [&] {
    a.Field("id", d.direction_id);
    a.Field("digest", d.direction);
  });
  a.Field("key", d.key);
  a.Group("policy", [&] {
    a.Field("version", d.policy_version);
    a.Field("digest", d.policy);
  });
  a.Field("threshold", d.threshold);
  a.Group("limits", [&] {
    a.Field("devices", d.devices);
    a.Field("total", d.total);
  });
  a.Field("keyguardTime", d.keyguard_time);
  a.Field("expires", d.expires);
  a.Group("journal", [&] {
    a.Field("records", d.journal_records);
    a.Field("head", d.journal_head);
  });
  a.Field("ledgerHead", d.ledger_head);
  a.Field("ceremonyCertificate", d.ceremony_certificate);
}

template <typename A>
void Fields(A& a, SharePresentation& d) {
  a.Header("SharePresentation");
  EnvironmentField(a, d.environment);
  a.Field("ceremony", d.ceremony);
  a.Field("request", d.request);
  a.Field("key", d.key);
  a.Field("person", d.person);
  a.Field("envelope", d.envelope);
  a.Field("time", d.time);
}

namespace {

constexpr size_t kMaxListedVotes = 64;  // as many as a policy has seats

Status OneOf(const char* field, const std::string& value, std::initializer_list<const char*> known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return OkStatus();
  return InvalidArgument("'{}' must be one of {}, found '{}'", field, fmt::join(known, ", "), value);
}

Status CheckCommon(const Environment& e) {
  return OneOf("environment.kind", e.kind, {"production", "drill", "test"});
}

Status CheckRules(const Rejection&) {
  return OkStatus();
}
// One text for one set of votes.
Status CheckListed(const char* field, const std::vector<Digest>& votes) {
  if (votes.empty() || votes.size() > kMaxListedVotes) {
    return InvalidArgument("'{}' must list 1 to {} votes, found {}", field, kMaxListedVotes, votes.size());
  }
  if (std::adjacent_find(votes.begin(), votes.end(), std::greater_equal<>()) == votes.end()) return OkStatus();
  return InvalidArgument("'{}' must stand in increasing order, each once", field);
}
Status CheckRules(const CastingVote& d) {
  SMKI_RETURN_IF_ERROR(OneOf("decision", d.decision, {"approve", "reject"}));
  SMKI_RETURN_IF_ERROR(CheckListed("approvals", d.approvals));
  SMKI_RETURN_IF_ERROR(CheckListed("rejections", d.rejections));
  if (d.reason.text.find_first_not_of(' ') == std::string::npos) return InvalidArgument("'reason' is blank");
  return OkStatus();
}
Status CheckRules(const PmaOrder& d) {
  return OneOf("order", d.order, {"halt", "withdraw", "resume"});
}
Status CheckDeviation(const Statement& d) {
  const auto kind = DeviationKindFrom(d.deviation.value_or(""));
  if (!kind) return InvalidArgument("'deviation' must be one of skip, repeat, reorder, repin");
  const Deviation asked = AskedBy(d);
  return d.not_after.has_value() == (*kind == DeviationKind::kReorder) &&
                 d.runbook.has_value() == (*kind == DeviationKind::kRepin)
             ? CheckForm(asked)
             : InvalidArgument("'notAfter' belongs to reorder, 'runbook' to repin");
}
// One text for one set of answers.
Status CheckFactors(const Statement& d) {
  if (!d.factors.empty() && d.verb != "decide") return InvalidArgument("'factors' belong to decide, not to {}", d.verb);
  const auto not_before = [](const GuidanceFactor& a, const GuidanceFactor& b) { return a.id >= b.id; };
  if (std::adjacent_find(d.factors.begin(), d.factors.end(), not_before) != d.factors.end())
    return InvalidArgument("'factors' must stand in increasing order of id, each once");
  return OkStatus();
}
Status CheckRules(const Statement& d) {
  SMKI_RETURN_IF_ERROR(
      OneOf("verb", d.verb, {"done", "decide", "deviate", "approve", "open", "pause", "resume", "close"}));
  if ((d.verb == "decide" || d.verb == "approve") == (d.choice == "none")) {
    return InvalidArgument(
        "'choice' must be the choice of a decide, the digest of an approve, and none for every other verb; found '{}'",
        d.choice);
  }
  if (d.verb == "approve" && !DigestFromHex(d.choice))
    return InvalidArgument("'choice' of an approve must be 64 hexadecimal digits, found '{}'", d.choice);
  SMKI_RETURN_IF_ERROR(CheckFactors(d));
  if (d.verb == "deviate") return CheckDeviation(d);
  if (d.deviation || d.not_after || d.runbook || d.witness)
    return InvalidArgument("'deviation', 'notAfter', 'runbook' and 'witness' belong to deviate, not to {}", d.verb);
  return OkStatus();
}
Status CheckRules(const CeremonyRequest& d) {
  const auto digits = d.id.starts_with("CER-") ? FromHex(std::string_view(d.id).substr(4)) : std::nullopt;
  if (!digits || digits->size() != 8 || d.id != "CER-" + ToHex(*digits)) {
    return InvalidArgument("'id' must be CER- and 16 lower-case hexadecimal digits, found '{}'", d.id);
  }
  SMKI_RETURN_IF_ERROR(OneOf("key", d.key, {"recovery", "contingency"}));
  if (d.threshold < 2) return InvalidArgument("'threshold' must be at least 2, found {}", d.threshold);
  if (d.expires <= d.keyguard_time) return InvalidArgument("'expires' must be after 'keyguardTime'");
  return OkStatus();
}
Status CheckRules(const SharePresentation& d) {
  return OneOf("key", d.key, {"recovery", "contingency", "symmetric"});
}

template <typename D>
StatusOr<D> Parse(const char* kind, std::string_view text) {
  auto document = ParseCanonical<D>(text, kMaxDocument);
  if (!document.ok()) return InvalidArgument("{} {}", kind, Message(document.status()));
  Status rules = CheckCommon(document->environment);
  if (rules.ok()) rules = CheckRules(*document);
  if (!rules.ok()) return WithContext(rules, kind);
  return document;
}

}  // namespace

std::string Render(const Rejection& d) {
  return RenderCanonical(d);
}
std::string Render(const CastingVote& d) {
  return RenderCanonical(d);
}
std::string Render(const PmaOrder& d) {
  return RenderCanonical(d);
}
std::string Render(const Statement& d) {
  return RenderCanonical(d);
}
std::string Render(const CeremonyRequest& d) {
  return RenderCanonical(d);
}
std::string Render(const SharePresentation& d) {
  return RenderCanonical(d);
}

StatusOr<Rejection> ParseRejection(std::string_view text) {
  return Parse<Rejection>("Rejection", text);
}
StatusOr<CastingVote> ParseCastingVote(std::string_view text) {
  return Parse<CastingVote>("CastingVote", text);
}
StatusOr<PmaOrder> ParsePmaOrder(std::string_view text) {
  return Parse<PmaOrder>("PmaOrder", text);
}
StatusOr<Statement> ParseStatement(std::string_view text) {
  return Parse<Statement>("Statement", text);
}
StatusOr<CeremonyRequest> ParseCeremonyRequest(std::string_view text) {
  return Parse<CeremonyRequest>("CeremonyRequest", text);
}
StatusOr<SharePresentation> ParseSharePresentation(std::string_view text) {
  return Parse<SharePresentation>("SharePresentation", text);
}

Deviation AskedBy(const Statement& d) {
  return {DeviationKindFrom(d.deviation.value_or("")).value_or(DeviationKind::kSkip),
          d.step == "none" ? "" : d.step,
          d.not_after.value_or(""),
          d.runbook ? ToHex(*d.runbook) : "",
          d.text.text,
          d.witness.value_or(Quoted{}).text};
}

std::string ApprovalHint(const std::string& direction_id) {
  return "smki approval " + direction_id;
}

}  // namespace smki::procedures
