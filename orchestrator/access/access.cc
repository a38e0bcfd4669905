#include "orchestrator/access/access.h"

namespace smki::orchestrator {
namespace {

using procedures::Reason;

constexpr Millis kStatementAge = std::chrono::minutes(5);
constexpr char kAnyHint[] = "";

Status Invalid(const std::string& detail) {
  return procedures::Refuse(Reason::kSTATEMENT_INVALID, detail);
}

}  // namespace

StatusOr<const procedures::Person*> PersonOf(const procedures::TrustPolicy& policy, const std::string& caller) {
  const procedures::Person* person = policy.FindPerson(caller);
  if (person == nullptr) {
    return procedures::Refuse(Reason::kNOT_PERMITTED, fmt::format("'{}' is no person of the trust policy", caller));
  }
  return person;
}

Status CheckStatement(const procedures::TrustPolicy& policy, const procedures::PolicyVerifier& verifier,
                      const procedures::Person& person, ByteSpan document, ByteSpan cms,
                      const ExpectedStatement& expected, UtcTime now) {
  if (document.empty() || cms.empty()) return Invalid("the request carries no signed statement");
  const auto statement = procedures::ParseStatement(AsText(document));
  if (!statement.ok()) return Invalid(Message(statement.status()));
  const procedures::SignatureFinding finding = verifier.Verify(document, cms, now, kAnyHint);
  if (finding.fault) return procedures::Refuse(*finding.fault, "statement: " + finding.detail);
  if (finding.person != person.id || statement->person != person.id) {
    return Invalid(
        fmt::format("it names {}, was signed by {} and sent by {}", statement->person, finding.person, person.id));
  }
  if (statement->environment != policy.environment) {  // I8
    return procedures::Refuse(Reason::kENVIRONMENT_MISMATCH,
                              fmt::format("the statement is for {}, this is {}", statement->environment.ToString(),
                                          policy.environment.ToString()));
  }
  const auto differs = [](const char* field, const std::string& stated, const std::string& wanted) {
    return Invalid(fmt::format("its {} is '{}', the request's '{}'", field, stated, wanted));
  };
  if (statement->incident != expected.incident) return differs("incident", statement->incident, expected.incident);
  if (statement->step != expected.step) return differs("step", statement->step, expected.step);
  if (statement->verb != expected.verb) return differs("verb", statement->verb, expected.verb);
  if (statement->choice != expected.choice) return differs("choice", statement->choice, expected.choice);
  if (statement->expected_sequence != expected.sequence) {
    return differs("expected sequence", fmt::format("{}", statement->expected_sequence),
                   fmt::format("{}", expected.sequence));
  }
  std::map<std::string, std::string> factors;
  for (const procedures::GuidanceFactor& factor : statement->factors) factors[factor.id] = factor.answer.text;
  if (factors != expected.factors) return Invalid("its factors are not answered as the request's");
  const procedures::Deviation asked = procedures::AskedBy(*statement);
  const std::string deviation = statement->deviation.value_or("");
  if (deviation != expected.deviation) return differs("deviation", deviation, expected.deviation);
  if (asked.not_after != expected.not_after) return differs("notAfter", asked.not_after, expected.not_after);
  if (asked.runbook != expected.runbook) return differs("runbook", asked.runbook, expected.runbook);
  if (asked.witness != expected.witness) return differs("witness", asked.witness, expected.witness);
  if (statement->text.text != procedures::CleanText(expected.text).text)
    return differs("text", statement->text.text, expected.text);
  if (statement->time > now + kStatementAge || statement->time + kStatementAge < now) {
    return Invalid(fmt::format("it was made at {}, it is {} now", FormatTime(statement->time), FormatTime(now)));
  }
  return OkStatus();
}

}  // namespace smki::orchestrator
