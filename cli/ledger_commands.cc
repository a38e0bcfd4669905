// smkictl ledger ...: the memory of an incident, read and verified with no server.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/usage.h"
#include "cli/command.h"
#include "cli/verify.h"
#include "ledger/ledger.h"
#include "procedures/documents.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::cli {
namespace {

Json VerifyJson(const VerifyReport& report) {
  Json checks = Json::array(), findings = Json::array();
  for (size_t i = 0; i < report.checks.size(); ++i) {
    checks.push_back({{"check", i + 1},
                      {"name", report.checks[i].name},
                      {"looked_at", report.checks[i].looked_at},
                      {"findings", report.checks[i].findings}});
  }
  for (const Finding& finding : report.findings)
    findings.push_back({{"check", finding.check}, {"where", finding.where}, {"what", finding.what}});
  return {{"verdict", Name(report.verdict())},     {"anchored", report.anchored},   {"policy", ToHex(report.policy)},
          {"incident", report.incident},           {"entries", report.entries},     {"head", ToHex(report.head)},
          {"signatures", report.signatures},       {"recovered", report.recovered}, {"checks", checks},
          {"finding_count", report.finding_count}, {"findings", findings}};
}

std::string VerifyText(const VerifyReport& report, const Style& style) {
  Columns table(2);
  for (size_t i = 0; i < report.checks.size(); ++i) {
    const CheckResult& check = report.checks[i];
    table.Row({std::to_string(i + 1), check.name,
               check.findings == 0 ? style.Good("ok") : style.Bad(Count(check.findings, "finding")),
               Printable(check.looked_at)});
  }
  std::string out = table.Text() + "\n";
  for (const Finding& finding : report.findings) {
    out += Fact(fmt::format("{}  {}", finding.check, finding.where), Printable(finding.what), 32);
  }
  if (report.finding_count > report.findings.size()) {
    out += fmt::format("  and {} more\n", Count(report.finding_count - report.findings.size()));
  }
  switch (report.verdict()) {
    case Verdict::kVerified:
      return out + style.Good("verified") +
             fmt::format("  {}, {} entries, head {}\n", report.incident, Count(report.entries),
                         ToHex(report.head).substr(0, 16));
    case Verdict::kSelfConsistent:
      return out + style.Warn("self-consistent") +
             "  nothing contradicts itself, but nothing says it is the right story\n" +
             Fact("next",
                  "repeat with --anchor and the policy digest you were given by the PMA, not one from this folder", 6);
    case Verdict::kFindings:
      break;
  }
  return out + style.Bad("NOT verified") +
         fmt::format("  {}; the first: {}\n", Count(report.finding_count, "finding"), report.findings.front().where) +
         Fact("next", "keep the folder as it is and tell the PMA; compare with another copy", 6);
}

Status Verify(Command& command, const std::string& folder, const std::string& anchor_text) {
  std::optional<Digest> anchor;
  if (!anchor_text.empty()) {
    anchor = DigestFromHex(anchor_text);
    if (!anchor) return InvalidArgument("--anchor is no SHA-256 in hexadecimal (64 digits)");
  }
  SMKI_ASSIGN_OR_RETURN(const VerifyReport report, VerifyEvidence(folder, anchor));
  if (report.verdict() == Verdict::kFindings) command.FoundFault();
  if (command.json()) {
    command.Print(VerifyJson(report));
  } else {
    command.Print(VerifyText(report, command.style()));
  }
  return OkStatus();
}

// What an entry says, on one line.
std::string Gist(const ledger::Entry& entry) {
  const auto* data = entry.payload.data();
  const int size = static_cast<int>(entry.payload.size());
  if (entry.kind.rfind("incident.", 0) == 0) {
    ledger::v1::IncidentEvent event;
    if (!event.ParseFromArray(data, size)) return "?";
    std::string out = event.step();
    for (const auto& field : event.fields())
      out += (out.empty() ? "" : "  ") + field.key() + "=" + field.value().substr(0, 64);
    return out;
  }
  if (entry.kind == "artefact") {
    ledger::v1::Artefact artefact;
    return artefact.ParseFromArray(data, size) ? artefact.name() + "  " + artefact.file() : "?";
  }
  if (entry.kind.rfind("action.", 0) == 0) {
    ledger::v1::ActionRecord action;
    return action.ParseFromArray(data, size)
               ? action.step() + "  " + action.action() + "  " + action.outcome() + "  " + action.detail()
               : "?";
  }
  if (entry.kind == "campaign.summary" || entry.kind == "campaign.progress") {
    ledger::v1::CampaignSummary summary;
    return summary.ParseFromArray(data, size)
               ? fmt::format("{} recovered {} of {}", summary.wave(), summary.recovered(), summary.total())
               : "?";
  }
  if (entry.kind == "refusal") {
    ledger::v1::RefusalRecord refusal;
    return refusal.ParseFromArray(data, size) ? refusal.reason() + "  " + refusal.detail() : "?";
  }
  if (entry.kind == "keyguard") {
    ledger::v1::KeyguardRecord record;
    return record.ParseFromArray(data, size) ? record.what() + "  " + record.detail() : "?";
  }
  if (entry.kind == "campaign.intent") {
    ledger::v1::CampaignIntent intent;
    if (!intent.ParseFromArray(data, size)) return "?";
    return fmt::format("batch {}: {} of {}", intent.batch(), Count(intent.items(), "Device"), intent.group());
  }
  if (entry.kind == "campaign.batch") {
    ledger::v1::CampaignBatch batch;
    if (!batch.ParseFromArray(data, size)) return "?";
    return fmt::format("batch {}: {} signed, {} refused", batch.batch(), batch.signed_(), batch.refused());
  }
  if (entry.kind == "statement") {
    ledger::v1::SignedStatement signed_statement;
    if (!signed_statement.ParseFromArray(data, size)) return "?";
    const auto statement = procedures::ParseStatement(signed_statement.document());
    if (!statement.ok()) return "?";
    return fmt::format("{} {}, on page {}", statement->verb, statement->step, statement->expected_sequence);
  }
  return fmt::format("{} octets", entry.payload.size());
}

Status Show(const Command& command, const std::string& path, uint64_t from) {
  const std::string file = std::filesystem::is_directory(path) ? path + "/ledger.sqlite" : path;
  if (!PosixFiles().Exists(file)) return NotFound("there is no ledger at {}", file);
  return ledger::VisitLedger(file, [&](const ledger::Entry& entry) -> Status {
    if (entry.sequence < from) return OkStatus();
    if (command.json()) {
      command.Print(Dump({{"sequence", entry.sequence},
                          {"time", FormatTimeMillis(entry.time)},
                          {"incident", entry.incident},
                          {"person", entry.person},
                          {"kind", entry.kind},
                          {"gist", Gist(entry)},
                          {"payload", ToBase64(entry.payload)},
                          {"hash", ToHex(entry.hash)}}) +
                    "\n");
      return OkStatus();
    }
    std::string gist = Printable(Gist(entry));
    for (char& c : gist) c = c == '\n' ? ' ' : c;
    while (!gist.empty() && gist.back() == ' ') gist.pop_back();
    command.Print(fmt::format("{:>6}  {}  {:<26}  {}{}\n", entry.sequence, FormatTimeMillis(entry.time), entry.kind,
                              entry.person.empty() ? "" : entry.person + ": ", gist));
    return OkStatus();
  });
}

}  // namespace

void AddLedgerCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("ledger", "the memory of an incident");
  group->require_subcommand(1);
  struct Arguments {
    std::string path, anchor;
    uint64_t from = 0;
  };
  auto arguments = std::make_shared<Arguments>();

  CLI::App* verify = group->add_subcommand("verify", "check a whole evidence folder; needs no server and trusts none");
  verify->add_option("evidence", arguments->path, "evidence folder")->required();
  verify->add_option("--anchor", arguments->anchor, "SHA-256 of the trust policy, as you know it from elsewhere");
  verify->callback(
      [&command, arguments] { command.Run([&] { return Verify(command, arguments->path, arguments->anchor); }); });

  CLI::App* show = group->add_subcommand("show", "the entries, one a line; the chain is checked on the way");
  show->add_option("ledger", arguments->path, "evidence folder or ledger file")->required();
  show->add_option("--from", arguments->from, "first entry to show")->check(WholeNumber());
  show->callback(
      [&command, arguments] { command.Run([&] { return Show(command, arguments->path, arguments->from); }); });
}

}  // namespace smki::cli
