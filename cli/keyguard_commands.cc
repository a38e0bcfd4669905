// smkictl keyguard status, policy show: what guards the key, and by which rules.
#include <CLI/CLI.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/margin.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

using keyguard::v1::KeyguardPersons;

bool SamePolicy(const keyguard::v1::Status& status, const Person& person) {
  return AsText(person.policy_digest()) == status.policy_digest();
}

Json KeyguardJson(const keyguard::v1::Status& status, const Person& person) {
  Json margins = Json::array();  // by the policy at hand: worth something only if it is the keyguard's
  for (const procedures::KeyCustody& key : person.policy().keys) {
    if (!SamePolicy(status, person)) break;
    Json entry = {{"key", key.key}, {"custodians", key.custodians.size()}, {"threshold", key.threshold}};
    entry.update(MarginJson(key.key, key.custodians.size(), key.threshold));
    margins.push_back(entry);
  }
  Json counts = Json::array();
  for (const auto& count : status.refusal_counts())
    counts.push_back({{"code", count.code()}, {"count", count.count()}});
  return {{"state", StateWord(status.state())},
          {"environment", status.environment() + "/" + status.estate()},
          {"key", status.key()},
          {"incident", status.incident()},
          {"direction", status.direction_id()},
          {"direction_sha256", ToHex(AsBytes(status.direction_digest()))},
          {"ceremony", status.ceremony()},
          {"presented", std::vector<std::string>(status.presented().begin(), status.presented().end())},
          {"threshold", status.threshold()},
          {"signatures", status.signatures()},
          {"total_limit", status.total_limit()},
          {"outstanding", status.outstanding()},
          {"proven", status.proven()},
          {"open_until", status.open_until_ms() > 0 ? FormatTime({status.open_until_ms()}) : ""},
          {"closed_because", status.closed_because()},
          {"refusals", status.refusals()},
          {"refusal_counts", counts},
          {"journal", {{"records", status.journal_records()}, {"head", ToHex(AsBytes(status.journal_head()))}}},
          {"policy", {{"version", status.policy_version()}, {"sha256", ToHex(AsBytes(status.policy_digest()))}}},
          {"margins", margins},
          {"time", FormatTime({status.time_ms()})}};
}

std::string KeyguardText(const keyguard::v1::Status& status, const Person& person, const Style& style) {
  const std::string state = StateWord(status.state());
  std::string out = style.Strong("Keyguard") + "  " + status.environment() + "/" + status.estate() + "\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, Printable(text), 13); };
  fact("key", state == "open" ? "open until " + FormatTime({status.open_until_ms()}) : state);
  if (!status.closed_because().empty()) fact("because", status.closed_because());
  if (!status.direction_id().empty()) fact("direction", status.direction_id() + " of " + status.incident());
  if (state == "ceremony") {
    std::string names;
    for (const std::string& name : status.presented()) names += (names.empty() ? ": " : ", ") + name;
    fact("shares", fmt::format("{} of {} presented to {}{}", status.presented_size(), status.threshold(),
                               status.ceremony(), names));
  }
  if (status.total_limit() > 0) {
    fact("signatures", fmt::format("{} of at most {}; {} Devices proven, {} outstanding", Count(status.signatures()),
                                   Count(status.total_limit()), Count(status.proven()), Count(status.outstanding())));
  }
  fact("refusals", Count(status.refusals()));
  for (const auto& count : status.refusal_counts()) fact("", count.code() + "  " + Count(count.count()));
  fact("journal", fmt::format("{} records, head {}", Count(status.journal_records()),
                              ToHex(AsBytes(status.journal_head())).substr(0, 16)));
  fact("policy", fmt::format("version {}, {}", status.policy_version(),
                             SamePolicy(status, person) ? "the same as yours" : "NOT THE SAME AS YOURS"));
  if (SamePolicy(status, person)) {
    for (const procedures::KeyCustody& key : person.policy().keys) out += MarginFact(key, style, 13);
  }
  fact("its time", FormatTime({status.time_ms()}));
  return out;
}

Json PolicyJson(const Person& person) {
  const procedures::TrustPolicy& policy = person.policy();
  Json seats = Json::array(), persons = Json::array(), keys = Json::array();
  for (const procedures::Seat& seat : policy.seats)
    seats.push_back({{"name", seat.name}, {"member", seat.member}, {"alternates", seat.alternates}});
  for (const procedures::Person& p : policy.persons)
    persons.push_back({{"id", p.id}, {"organisation", p.organisation}, {"roles", p.roles}});
  for (const procedures::KeyCustody& key : policy.keys) {
    Json custodians = Json::array();
    for (const procedures::CustodianShare& share : key.custodians) custodians.push_back(share.person);
    Json entry = {{"key", key.key}, {"token", key.token}, {"threshold", key.threshold}, {"custodians", custodians}};
    entry.update(MarginJson(key.key, key.custodians.size(), key.threshold));
    keys.push_back(entry);
  }
  return {{"sha256", ToHex(person.policy_digest())},
          {"version", policy.version},
          {"environment", policy.environment.ToString()},
          {"issued", FormatTime(policy.issued)},
          {"approvals_needed", policy.approvals_needed},
          {"seats", seats},
          {"persons", persons},
          {"keys", keys}};
}

std::string PolicyText(const Person& person, const Style& style) {
  const procedures::TrustPolicy& policy = person.policy();
  std::string out =
      style.Strong("Trust policy") + fmt::format("  version {}, {}\n", policy.version, policy.environment.ToString());
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, Printable(text), 13); };
  fact("file", person.site().policy);
  fact("SHA-256", ToHex(person.policy_digest()));
  fact("issued", FormatTime(policy.issued));
  fact("approvals", fmt::format("{} needed{}", policy.approvals_needed,
                                policy.one_vote_per_organisation ? ", one vote an organisation" : ""));
  out += "\n" + style.Strong("  PMA seats") + "\n";
  Columns seats(4);
  for (const procedures::Seat& seat : policy.seats) {
    std::string alternates;
    for (const std::string& alternate : seat.alternates)
      alternates += (alternates.empty() ? "alternate " : ", ") + alternate;
    seats.Row({seat.name, seat.member, alternates});
  }
  out += seats.Text() + "\n" + style.Strong("  Persons") + "\n";
  Columns persons(4);
  for (const procedures::Person& entry : policy.persons) {
    std::string roles;
    for (const std::string& role : entry.roles) roles += (roles.empty() ? "" : ", ") + role;
    persons.Row({entry.id == person.id() ? style.Strong(entry.id) : entry.id, entry.organisation, roles});
  }
  out += persons.Text() + "\n" + style.Strong("  Keys") + "\n";
  for (const procedures::KeyCustody& key : policy.keys) {
    std::string names;
    for (const procedures::CustodianShare& share : key.custodians) names += (names.empty() ? "" : ", ") + share.person;
    out += MarginFact(key, style, 13, 4) + Fact("", names, 13, 4);
  }
  out += "\n" + style.Strong("  Allowed") + "\n";
  for (const procedures::AllowedUse& use : policy.allowed) {
    std::string modes;
    for (const std::string& mode : use.modes) modes += (modes.empty() ? "" : ", ") + mode;
    out += Fact(use.procedure, fmt::format("{} key, {}, runbook {}", use.key, modes, ToHex(use.digest).substr(0, 16)),
                13, 4);
  }
  return out;
}

}  // namespace

void AddKeyguardCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("keyguard", "the machine that guards the key");
  group->require_subcommand(1);
  group->add_subcommand("status", "open or closed, for what, how much is used")->callback([&command] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
      keyguard::v1::Status status;
      SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetStatus, keyguard::v1::GetStatusRequest(),
                                            status, kCallDeadline));
      if (command.json()) {
        command.Print(KeyguardJson(status, person));
      } else {
        command.Print(KeyguardText(status, person, command.style()));
      }
      return OkStatus();
    });
  });
}

void AddPolicyCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("policy", "the trust policy: who may do what");
  group->require_subcommand(1);
  group->add_subcommand("show", "the policy you rely on, and its digest (the anchor of everything)")
      ->callback([&command] {
        command.Run([&]() -> Status {
          SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
          if (command.json()) {
            command.Print(PolicyJson(person));
          } else {
            command.Print(PolicyText(person, command.style()));
          }
          return OkStatus();
        });
      });
}

}  // namespace smki::cli
