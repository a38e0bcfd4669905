// smkictl share ...: is my share still good (at home, no server), and what do the custodians' records of that add up
// to.
#include <CLI/CLI.hpp>
#include <map>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/margin.h"
#include "procedures/reason.h"

namespace smki::cli {
namespace {

using procedures::ShareCheck;

constexpr char kFolder[] = "share-checks";  // beside the share
constexpr char kDocument[] = ".yaml";
constexpr char kSignature[] = ".yaml.cms";
constexpr size_t kMaxRecord = 64 * 1024;
constexpr char kDefaultMaxAge[] = "P400D";  // custodians look once a year; a month to get round to it

// One signed ShareCheck as it lies in a folder.
struct Record {
  std::string file;
  StatusOr<ShareCheck> check;
};

// Every record in `folder`, each with its verdict. A record without its signature is none.
StatusOr<std::vector<Record>> ReadRecords(const Person& person, const std::string& folder, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, PosixFiles().List(folder));
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, person.MakeVerifier(now));
  std::vector<Record> out;
  for (const std::string& name : names) {
    if (!name.ends_with(kDocument)) continue;
    const std::string path = folder + "/" + name;
    const auto judge = [&]() -> StatusOr<ShareCheck> {
      SMKI_ASSIGN_OR_RETURN(const Bytes text, PosixFiles().Read(path, kMaxRecord));
      SMKI_ASSIGN_OR_RETURN(const Bytes cms, PosixFiles().Read(path + ".cms", kMaxRecord));
      return procedures::VerifyShareCheck(person.policy(), verifier, AsText(text), cms, now);
    };
    out.push_back({path, judge()});
  }
  return out;
}

// The newest good check of each custodian of `key`.
std::map<std::string, ShareCheck> NewestOf(const std::vector<Record>& records, const std::string& key) {
  std::map<std::string, ShareCheck> out;
  for (const Record& record : records) {
    if (!record.check.ok() || record.check->key != key) continue;
    const auto [at, added] = out.emplace(record.check->person, *record.check);
    if (!added && at->second.time < record.check->time) at->second = *record.check;
  }
  return out;
}

std::string Compact(UtcTime time) {
  std::string out;
  for (const char c : FormatTime(time)) {
    if (c != '-' && c != ':') out += c;
  }
  return out;
}

// Signs the check and keeps it; the signature is there before what it signs, so that no record is without one.
StatusOr<std::string> Keep(const Person& person, const ShareCheck& check, const std::string& folder) {
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(folder));
  const std::string text = Render(check);
  SMKI_ASSIGN_OR_RETURN(const Bytes signature, person.Sign(AsBytes(text), procedures::kShareCheckHint));
  const std::string base = fmt::format("{}/{}-{}-{}", folder, check.key, check.person, Compact(check.time));
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(base + kSignature, signature));
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(base + kDocument, AsBytes(text)));
  return base + kDocument;
}

// --- share check ---

// What is wrong with the share in `file`, what that means for its key, and what to do.
Status Explain(const Person& person, const std::string& key, const std::string& file, const Status& fault) {
  const std::string code = ReasonOf(fault);
  std::string what = Message(fault);
  if (code.empty() && fault.code() != StatusCode::kNotFound) return fault;
  for (const std::string& prefix : {file + ": ", code + ": "}) {
    if (what.starts_with(prefix)) what.erase(0, prefix.size());
  }
  what = what.substr(0, what.rfind(". Next: "));
  std::string next = "look for the right file; if there is none, tell the incident lead today: the share is lost";
  const procedures::KeyCustody* const custody = person.policy().FindKey(key);
  if (custody != nullptr) {
    next += fmt::format(". Without it the {} key has {}", key,
                        MarginText(custody->custodians.size() - 1, custody->threshold));
  }
  const Status status = Error(fault.code(), "{}{}: {}. Next: {}", code.empty() ? "" : code + ": ", file, what, next);
  return code.empty() ? status : WithReason(status, code);
}

struct Checked {
  std::string file, record;
  ShareCheck check;
  std::optional<UtcTime> last;
};

StatusOr<Checked> CheckOne(const Person& person, const std::string& key, const std::string& file) {
  auto check = person.CheckShare(file);
  if (!check.ok()) return Explain(person, key, file, check.status());
  if (!key.empty() && check->key != key) {
    return Error(StatusCode::kFailedPrecondition,
                 "{} holds your share of the {} key, not of the {} key. Next: correct `shares` in {}", file, check->key,
                 key, person.site().file);
  }
  Checked out{file, "", *check, std::nullopt};
  const std::string folder = DirectoryOf(file) + "/" + kFolder;
  if (PosixFiles().Exists(folder)) {
    // Only a courtesy: what cannot be judged now (no fresh revocation list at home) is left out, not an error.
    const auto records = ReadRecords(person, folder, SystemClock().Now());
    if (records.ok()) {
      const auto newest = NewestOf(*records, check->key);
      if (const auto mine = newest.find(person.id()); mine != newest.end()) out.last = mine->second.time;
    }
  }
  SMKI_ASSIGN_OR_RETURN(out.record, Keep(person, *check, folder));
  return out;
}

Json CheckedJson(const Checked& c) {
  Json out = {{"key", c.check.key},
              {"environment", c.check.environment.ToString()},
              {"person", c.check.person},
              {"index", c.check.index},
              {"threshold", c.check.threshold},
              {"custodians", c.check.custodians},
              {"commitment", ToHex(c.check.commitment)},
              {"policy", {{"version", c.check.policy_version}, {"sha256", ToHex(c.check.policy)}}},
              {"checked", FormatTime(c.check.time)},
              {"last_check", c.last ? FormatTime(*c.last) : ""},
              {"file", c.file},
              {"record", c.record}};
  out.update(MarginJson(c.check.key, c.check.custodians, c.check.threshold));
  return out;
}

std::string CheckedText(const Checked& c, const Style& style) {
  std::string out = style.Good("alive") + "  your share of the " + style.Strong(c.check.key) + " key\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, Printable(text), 13); };
  fact("environment", c.check.environment.ToString());
  fact("yours", fmt::format("number {} of {}; any {} of the {} open the key", c.check.index, c.check.custodians,
                            c.check.threshold, c.check.custodians));
  fact("commitment",
       fmt::format("matches trust policy version {}, {}", c.check.policy_version, ToHex(c.check.policy).substr(0, 16)));
  fact("margin", MarginText(c.check.custodians, c.check.threshold));
  const std::string warning = MarginWarning(c.check.key, c.check.custodians, c.check.threshold);
  if (!warning.empty()) out += Fact("", style.Warn("WARNING: " + warning), 13);
  fact("last check", c.last ? FormatTime(*c.last) : "none on record here");
  fact("record", c.record);
  fact("next", "put the share away; give the record and its .cms to the incident lead");
  return out;
}

Status CheckShares(const Command& command, const std::string& file) {
  SMKI_ASSIGN_OR_RETURN(const Person person, command.LoadPerson());
  std::vector<std::pair<std::string, std::string>> asked;  // key (empty: whatever it is of), file
  if (!file.empty()) {
    asked.emplace_back("", file);
  } else {
    asked.assign(person.site().shares.begin(), person.site().shares.end());
  }
  if (asked.empty()) {
    return FailedPrecondition("{} names no share. Next: give --file, or add your shares under `shares`",
                              person.site().file);
  }
  Json all = Json::array();
  Status worst = OkStatus();
  for (const auto& [key, path] : asked) {
    const auto checked = CheckOne(person, key, path);
    if (!checked.ok()) {
      if (worst.ok()) worst = checked.status();
      continue;
    }
    all.push_back(CheckedJson(*checked));
    if (!command.json()) command.Print((all.size() > 1 ? "\n" : "") + CheckedText(*checked, command.style()));
  }
  if (command.json() && !all.empty()) command.Print(Json{{"shares", all}});
  return worst;
}

// --- share status ---

struct KeyStatus {
  const procedures::KeyCustody* custody = nullptr;
  std::map<std::string, ShareCheck> newest;
  uint64_t alive = 0;  // checked within the age
};

Json StatusJson(const Person& person, const std::vector<KeyStatus>& keys, const std::vector<Record>& records,
                UtcTime now, Millis max_age) {
  Json key_list = Json::array(), refused = Json::array();
  for (const KeyStatus& key : keys) {
    Json custodians = Json::array();
    for (const procedures::CustodianShare& share : key.custody->custodians) {
      const auto found = key.newest.find(share.person);
      const bool known = found != key.newest.end();
      custodians.push_back({{"person", share.person},
                            {"index", share.index},
                            {"checked", known ? FormatTime(found->second.time) : ""},
                            {"alive", known && now - found->second.time <= max_age}});
    }
    Json entry = {{"key", key.custody->key},
                  {"threshold", key.custody->threshold},
                  {"custodians", custodians},
                  {"proven_alive", key.alive}};
    entry.update(MarginJson(key.custody->key, key.alive, key.custody->threshold));
    key_list.push_back(entry);
  }
  for (const Record& record : records) {
    if (record.check.ok()) continue;
    refused.push_back({{"file", record.file},
                       {"reason", ReasonOf(record.check.status())},
                       {"message", Message(record.check.status())}});
  }
  return {{"environment", person.policy().environment.ToString()},
          {"policy", {{"version", person.policy().version}, {"sha256", ToHex(person.policy_digest())}}},
          {"time", FormatTime(now)},
          {"max_age", FormatDuration(max_age)},
          {"keys", key_list},
          {"refused", refused}};
}

std::string StatusText(const Person& person, const std::vector<KeyStatus>& keys, const std::vector<Record>& records,
                       UtcTime now, Millis max_age, const Style& style) {
  std::string out =
      style.Strong("Shares proven alive") +
      fmt::format("  {}, trust policy version {}\n", person.policy().environment.ToString(), person.policy().version);
  for (const KeyStatus& key : keys) {
    out += "\n  " + style.Strong(key.custody->key) + "\n";
    Columns table(4);
    for (const procedures::CustodianShare& share : key.custody->custodians) {
      const auto found = key.newest.find(share.person);
      if (found == key.newest.end()) {
        table.Row({share.person, style.Warn("not proven"), "no record of a check"});
      } else if (now - found->second.time > max_age) {
        table.Row({share.person, style.Warn("too old"), "checked " + FormatTime(found->second.time)});
      } else {
        table.Row({share.person, style.Good("alive"), "checked " + FormatTime(found->second.time)});
      }
    }
    out += table.Text();
    out += Fact("margin", MarginText(key.alive, key.custody->threshold, "share proven alive", "shares proven alive"),
                10, 4);
    const std::string warning = MarginWarning(key.custody->key, key.alive, key.custody->threshold);
    if (!warning.empty()) out += Fact("", style.Warn("WARNING: " + warning), 10, 4);
  }
  bool first = true;
  for (const Record& record : records) {
    if (record.check.ok()) continue;
    if (first) out += "\n  " + style.Strong("Not counted") + "\n";
    first = false;
    out += Fact("", Printable(record.file + ": " + Message(record.check.status())), 2, 2);
  }
  return out;
}

Status ShowStatus(Command& command, const std::string& folder, const std::string& age) {
  const auto max_age = ParseDuration(age);
  if (!max_age) return InvalidArgument("--max-age {}: expected an ISO 8601 duration such as {}", age, kDefaultMaxAge);
  SMKI_ASSIGN_OR_RETURN(const Person person, command.LoadPerson());
  const UtcTime now = SystemClock().Now();
  SMKI_ASSIGN_OR_RETURN(const std::vector<Record> records, ReadRecords(person, folder, now));
  std::vector<KeyStatus> keys;
  bool enough = true;
  for (const procedures::KeyCustody& custody : person.policy().keys) {
    KeyStatus key{&custody, NewestOf(records, custody.key), 0};
    for (const auto& [who, check] : key.newest) key.alive += now - check.time <= *max_age ? 1 : 0;
    enough = enough && procedures::LossesBorne(key.alive, custody.threshold).has_value();
    keys.push_back(std::move(key));
  }
  if (command.json()) {
    command.Print(StatusJson(person, keys, records, now, *max_age));
  } else {
    command.Print(StatusText(person, keys, records, now, *max_age, command.style()));
  }
  if (!enough) command.FoundFault();
  return OkStatus();
}

}  // namespace

void AddShareCommands(CLI::App& app, Command& command) {
  CLI::App* group =
      app.add_subcommand("share", "Key Custodians' shares: are they still good, and how many may be lost");
  group->require_subcommand(1);

  CLI::App* check =
      group->add_subcommand("check", "at home, without any server: is your share the one the policy commits to");
  auto file = std::make_shared<std::string>();
  check->add_option("--file", *file, "this share only (default: every share of your client.yaml)");
  check->callback([&command, file] { command.Run([&] { return CheckShares(command, *file); }); });

  CLI::App* status =
      group->add_subcommand("status", "which shares are proven alive since when, by the custodians' records of checks");
  auto folder = std::make_shared<std::string>();
  auto age = std::make_shared<std::string>(kDefaultMaxAge);
  status->add_option("folder", *folder, "folder with the records that custodians handed in")->required();
  status->add_option("--max-age", *age, "an older check proves nothing")->capture_default_str();
  status->callback([&command, folder, age] { command.Run([&] { return ShowStatus(command, *folder, *age); }); });
}

}  // namespace smki::cli
