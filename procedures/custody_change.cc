#include "procedures/custody_change.h"

#include <algorithm>
#include <set>

#include "procedures/person_archive.h"

namespace smki::procedures {

template <typename A>
void Fields(A& a, CustodyChange& d) {
  a.Header("CustodyChange");
  a.Field("id", d.id);
  EnvironmentField(a, d.environment);
  a.Field("key", d.key);
  a.Field("change", d.change);
  a.Group("policy", [&] {
    a.Field("version", d.policy_version);
    a.Field("digest", d.policy);
  });
  a.Field("threshold", d.threshold);
  a.Values("custodians", d.custodians);
  a.List("persons", d.persons, [](A& b, Person& person) { PersonFields(b, person); });
  a.Field("requestedBy", d.requested_by);
  a.Field("nonce", d.nonce);
  a.Field("drafted", d.drafted);
  a.Field("notAfter", d.not_after);
  a.Field("rationale", d.rationale);
}

template <typename A>
void Fields(A& a, CustodyRecord& d) {
  a.Header("CustodyRecord");
  EnvironmentField(a, d.environment);
  a.Field("key", d.key);
  a.Group("change", [&] {
    a.Field("id", d.change_id);
    a.Field("digest", d.change);
  });
  a.Group("from", [&] {
    a.Field("version", d.from_version);
    a.Field("digest", d.from);
  });
  a.Group("to", [&] {
    a.Field("version", d.to_version);
    a.Field("digest", d.to);
  });
  a.Values("confirmed", d.confirmed);
  a.Group("journal", [&] {
    a.Field("records", d.journal_records);
    a.Field("head", d.journal_head);
  });
  a.Field("time", d.time);
}

namespace {

constexpr char kCustodianRole[] = "key-custodian";
constexpr size_t kMaxCustodians = 255;

template <typename... Args>
Status Invalid(fmt::format_string<Args...> format, Args&&... args) {
  return Refuse(Reason::kCUSTODY_CHANGE_INVALID, fmt::format(format, std::forward<Args>(args)...));
}

Status CheckPersons(const CustodyChange& change) {
  std::set<std::string> custodians(change.custodians.begin(), change.custodians.end());
  if (custodians.size() != change.custodians.size()) return Invalid("{}: a custodian is named twice", change.id);
  std::set<std::string> defined;
  for (const Person& person : change.persons) {
    if (!defined.insert(person.id).second) return Invalid("{}: person {} is defined twice", change.id, person.id);
    if (!custodians.contains(person.id)) {
      return Invalid("{}: {} is defined but is no custodian", change.id, person.id);
    }
    // A custody change gives nobody a say in anything else.
    if (person.roles != std::vector<std::string>{kCustodianRole}) {
      return Invalid("{}: {} may get the role {} here and no other", change.id, person.id, kCustodianRole);
    }
  }
  return OkStatus();
}

Status CheckRules(const CustodyChange& d) {
  if (!d.id.starts_with("CUS-")) return Invalid("'id' must begin with CUS-, found '{}'", d.id);
  if (!d.environment.IsKnownKind()) return Invalid("{}: environment.kind '{}'", d.id, d.environment.kind);
  if (d.change != "appoint" && d.change != "cease" && d.change != "refresh") {
    return Invalid("{}: 'change' must be appoint, cease or refresh, found '{}'", d.id, d.change);
  }
  if (d.custodians.size() > kMaxCustodians) return Invalid("{}: more than {} custodians", d.id, kMaxCustodians);
  // I5: one custodian alone never opens a key.
  if (d.threshold < 2 || d.threshold > d.custodians.size()) {
    return Invalid("{}: a threshold of {} with {} custodians; it must be from 2 to their number", d.id, d.threshold,
                   d.custodians.size());
  }
  // One spelling only: nonces are compared as text.
  const auto nonce = FromHex(d.nonce);
  if (!nonce || nonce->size() != 16 || ToHex(*nonce) != d.nonce) {
    return Invalid("{}: nonce must be 32 lower-case hexadecimal digits, found {}", d.id, d.nonce);
  }
  if (d.not_after <= d.drafted || d.not_after - d.drafted > kMaxCustodyChangeValidity) {
    return Invalid("{}: it must be valid for {} at most, found {} to {}", d.id,
                   FormatDuration(kMaxCustodyChangeValidity), FormatTime(d.drafted), FormatTime(d.not_after));
  }
  return CheckPersons(d);
}

Status CheckKind(const KeyCustody& custody, const CustodyChange& change) {
  std::set<std::string> before;
  for (const CustodianShare& share : custody.custodians) before.insert(share.person);
  const std::set<std::string> after(change.custodians.begin(), change.custodians.end());
  const auto missing = [](const std::set<std::string>& from, const std::set<std::string>& in) {
    return std::count_if(from.begin(), from.end(), [&](const std::string& person) { return !in.contains(person); });
  };
  const auto added = missing(after, before), removed = missing(before, after);
  const bool as_said = change.change == "appoint" ? added > 0
                       : change.change == "cease" ? added == 0 && removed > 0
                                                  : added == 0 && removed == 0;
  if (as_said) return OkStatus();
  return Invalid("{} says {}, but it adds {} and removes {} custodians of the {} key", change.id, change.change, added,
                 removed, change.key);
}

}  // namespace

std::string Render(const CustodyChange& change) {
  return RenderCanonical(change);
}
std::string Render(const CustodyRecord& record) {
  return RenderCanonical(record);
}

StatusOr<CustodyChange> ParseCustodyChange(std::string_view text) {
  auto change = ParseCanonical<CustodyChange>(text, kMaxDocument);
  if (!change.ok()) return Invalid("CustodyChange {}", Message(change.status()));
  SMKI_RETURN_IF_ERROR(CheckRules(*change));
  return change;
}

StatusOr<CustodyRecord> ParseCustodyRecord(std::string_view text) {
  auto record = ParseCanonical<CustodyRecord>(text, kMaxDocument);
  if (!record.ok()) return InvalidArgument("CustodyRecord {}", Message(record.status()));
  return record;
}

Status JudgeCustodyChange(const TrustPolicy& policy, const Digest& policy_digest, const CustodyChange& change,
                          UtcTime now) {
  if (change.environment != policy.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("{} is for {}, the trust policy for {}", change.id, change.environment.ToString(),
                              policy.environment.ToString()));
  }
  if (change.policy_version != policy.version || change.policy != policy_digest) {
    const Reason reason =
        change.policy_version < policy.version ? Reason::kPOLICY_TOO_OLD : Reason::kPOLICY_DIGEST_MISMATCH;
    return Refuse(
        reason,
        fmt::format("{} changes trust policy version {} with SHA-256 {}; in force is version {} with {}", change.id,
                    change.policy_version, ToHex(change.policy), policy.version, ToHex(policy_digest)));
  }
  const KeyCustody* const custody = policy.FindKey(change.key);
  if (custody == nullptr) {
    return Refuse(Reason::kPOLICY_INCOMPLETE, fmt::format("no custodians are named for the {} key", change.key));
  }
  SMKI_RETURN_IF_ERROR(CheckKind(*custody, change));
  if (now < change.drafted - Millis(std::chrono::minutes(5))) {
    return Invalid("{} was drafted at {}, and it is {}", change.id, FormatTime(change.drafted), FormatTime(now));
  }
  if (now > change.not_after) {
    return Refuse(Reason::kCUSTODY_CHANGE_EXPIRED,
                  fmt::format("{} was valid until {}", change.id, FormatTime(change.not_after)));
  }
  return OkStatus();
}

StatusOr<TrustPolicy> ChangedPolicy(const TrustPolicy& policy, const CustodyChange& change,
                                    const std::vector<Digest>& commitments, UtcTime issued) {
  if (commitments.size() != change.custodians.size()) {
    return Refuse(Reason::kPOLICY_INCOMPLETE,
                  fmt::format("{} commitments for {} custodians", commitments.size(), change.custodians.size()));
  }
  TrustPolicy next = policy;
  next.version = change.policy_version + 1;
  next.previous = change.policy;
  next.issued = issued;
  next.persons.insert(next.persons.end(), change.persons.begin(), change.persons.end());
  for (KeyCustody& custody : next.keys) {
    if (custody.key != change.key) continue;
    custody.threshold = change.threshold;
    custody.custodians.clear();
    for (size_t i = 0; i < commitments.size(); ++i) {
      custody.custodians.push_back({change.custodians[i], i + 1, commitments[i]});
    }
  }
  // Every rule of a policy holds for this one, too.
  auto checked = ParsePolicy(RenderPolicy(next));
  if (!checked.ok())
    return Refuse(Reason::kPOLICY_INCOMPLETE, fmt::format("{}: {}", change.id, Message(checked.status())));
  return checked;
}

Status JudgeSuccession(const TrustPolicy& policy, const CustodyChange& change, const TrustPolicy& next) {
  std::vector<Digest> commitments;
  const KeyCustody* const custody = next.FindKey(change.key);
  if (custody != nullptr) {
    for (const CustodianShare& share : custody->custodians) commitments.push_back(share.commitment);
  }
  const auto expected = ChangedPolicy(policy, change, commitments, next.issued);
  if (expected.ok() && RenderPolicy(*expected) == RenderPolicy(next)) return OkStatus();
  return Refuse(Reason::kPOLICY_DIGEST_MISMATCH,
                fmt::format("trust policy version {} is not version {} with exactly the change {}", next.version,
                            policy.version, change.id));
}

}  // namespace smki::procedures
