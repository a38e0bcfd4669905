// smkictl repository ...: the SMKI Repository rebuilt from its extracts, without any server.
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/repository_transfer.h"
#include "pki/certificate.h"
#include "repository/rebuild.h"

namespace smki::cli {
namespace {

using repository::CertificateRecord;

StatusOr<pki::TrustAnchor> ReadRoot(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, 64 * 1024));
  const auto certificate = pki::Certificate::FromPem(AsText(pem));
  if (!certificate.ok()) return WithContext(certificate.status(), path);
  return pki::AnchorOf(*certificate);
}

struct RebuildArguments {
  std::string extracts, store, organisation_root, device_root, target;
};

Json SummaryJson(const repository::StoreSummary& summary) {
  return {{"certificates", summary.certificates},
          {"in_use", summary.in_use},
          {"revoked", summary.revoked},
          {"other", summary.other},
          {"authorities", summary.authorities},
          {"organisations", summary.organisations},
          {"devices", summary.devices},
          {"full", summary.full_date},
          {"last_delta", summary.last_delta_date},
          {"digest", ToHex(summary.digest)}};
}

void ShowRebuild(const Command& command, const repository::RebuildReport& report, const std::string& store,
                 Millis took) {
  if (command.json()) {
    Json files = Json::array();
    for (const repository::FileAccount& file : report.files) {
      files.push_back({{"file", file.file},
                       {"sha256", ToHex(file.sha256)},
                       {"records", file.records},
                       {"added", file.added},
                       {"updated", file.updated},
                       {"unchanged", file.unchanged}});
    }
    Json out = SummaryJson(report.summary);
    out["files"] = files;
    out["store"] = store;
    out["seconds"] = static_cast<double>(took.count()) / 1000;
    command.Print(out);
    return;
  }
  Columns table(2);
  table.Row({"file", "records", "added", "updated", "unchanged"});
  for (const repository::FileAccount& file : report.files) {
    table.Row({file.file, Count(file.records), Count(file.added), Count(file.updated), Count(file.unchanged)});
  }
  const repository::StoreSummary& summary = report.summary;
  command.Print(
      table.Text() + "\n" + command.style().Good("rebuilt") + "  " + store + " in " + Elapsed(took) + "\n" +
      Fact("holds",
           fmt::format("{} certificates: {} Device, {} organisation, {} authority", Count(summary.certificates),
                       Count(summary.devices), Count(summary.organisations), Count(summary.authorities)),
           10) +
      Fact("status",
           fmt::format("{} In-Use, {} revoked, {} other", Count(summary.in_use), Count(summary.revoked),
                       Count(summary.other)),
           10) +
      Fact("up to",
           summary.full_date + " full" + (summary.last_delta_date.empty() ? "" : ", delta " + summary.last_delta_date),
           10) +
      Fact("digest", ToHex(summary.digest), 10));
}

Status Rebuild(const Command& command, const RebuildArguments& arguments) {
  SMKI_ASSIGN_OR_RETURN(const pki::TrustAnchor organisation_root, ReadRoot(arguments.organisation_root));
  SMKI_ASSIGN_OR_RETURN(const pki::TrustAnchor device_root, ReadRoot(arguments.device_root));
  repository::RebuildOptions options{arguments.extracts, arguments.store, arguments.target,
                                     organisation_root,  device_root,     {}};
  bool drawn = false;
  if (command.terminal() && !command.json()) {
    options.on_progress = [&](const repository::RebuildProgress& progress) {
      command.Print("\r\x1b[K" + Bar(progress.octets_done, progress.octets_total, 24) + "  " +
                    Count(progress.certificates) + " certificates  " + progress.file);
      drawn = true;
    };
  }
  const auto start = SystemClock().SinceBoot();
  const auto report = repository::Rebuild(options);
  if (drawn) command.Print("\r\x1b[K");
  if (!report.ok()) return report.status();
  ShowRebuild(command, *report, arguments.store, std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start));
  return OkStatus();
}

std::string StatusWord(repository::CertificateStatus status) {
  switch (status) {
    case repository::CertificateStatus::kPending:
      return "pending";
    case repository::CertificateStatus::kInUse:
      return "in use";
    case repository::CertificateStatus::kNotInUse:
      return "not in use";
    case repository::CertificateStatus::kExpired:
      return "expired";
    case repository::CertificateStatus::kRevoked:
      return "revoked";
  }
  return "unknown";
}

Json RecordJson(const CertificateRecord& record) {
  Json out = {{"status", StatusWord(record.status)}, {"serial", ToHex(record.serial)}, {"eui", record.eui.ToString()},
              {"subject", record.subject_name},      {"usage", record.usage},          {"lodged", record.lodged},
              {"der", ToBase64(record.der)}};
  if (record.role) out["role"] = *record.role;
  return out;
}

std::string RecordText(const CertificateRecord& record, const Style& style) {
  const auto certificate = pki::Certificate::Parse(record.der);
  std::string out = style.Strong("serial " + ToHex(record.serial)) + "\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, Printable(text), 10); };
  fact("status", StatusWord(record.status) + ", lodged " + record.lodged);
  fact("subject", (record.subject_name.empty() ? "" : record.subject_name + ", ") + record.eui.ToString());
  fact("usage", record.usage + (record.role ? fmt::format(", role {:02x}", *record.role) : ""));
  if (certificate.ok()) {
    fact("key", ToHex(certificate->subject_key_identifier));
    fact("valid", FormatDate(certificate->not_before) + " to " + FormatDate(certificate->not_after));
    fact("issuer", certificate->issuer_cn);
    fact("SHA-256", ToHex(certificate->sha256()));
  }
  return out;
}

Status Show(const Command& command, const std::string& what, const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<repository::Store> store, repository::Store::Open(path));
  std::vector<CertificateRecord> records;
  if (const auto eui = Eui64::Parse(what)) {
    SMKI_ASSIGN_OR_RETURN(records, store->ByEui(*eui));
  }
  // Sixteen digits may also be a serial.
  if (const auto serial = FromHex(what); serial && records.empty()) {
    SMKI_ASSIGN_OR_RETURN(records, store->BySerial(*serial));
  }
  if (records.empty())
    return NotFound("the Repository in {} has no certificate with EUI-64 or serial \"{}\"", path, what);
  if (command.json()) {
    Json list = Json::array();
    for (const CertificateRecord& record : records) list.push_back(RecordJson(record));
    command.Print(Json{{"repository", SummaryJson(store->summary())}, {"certificates", list}});
    return OkStatus();
  }
  std::string out;
  for (const CertificateRecord& record : records)
    out += (out.empty() ? "" : "\n") + RecordText(record, command.style());
  command.Print(out);
  return OkStatus();
}

}  // namespace

void AddRepositoryCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("repository", "the SMKI Repository, rebuilt from its files");
  group->require_subcommand(1);
  AddRepositoryTransfer(*group, command);

  CLI::App* rebuild = group->add_subcommand("rebuild", "newest FULL, then every delta in date order, no gap");
  auto arguments = std::make_shared<RebuildArguments>();
  rebuild->add_option("--extracts", arguments->extracts, "folder of SMKIKR files")->required();
  rebuild
      ->add_option("--store", arguments->store, "store to build; an old one is replaced only when the new one is whole")
      ->required();
  rebuild->add_option("--organisation-root", arguments->organisation_root, "Root OCA certificate (PEM)")->required();
  rebuild->add_option("--device-root", arguments->device_root, "Root DCA certificate (PEM)")->required();
  rebuild->add_option("--target", arguments->target, "date to rebuild up to, YYYY-MM-DD; without it the newest delta");
  rebuild->callback([&command, arguments] { command.Run([&] { return Rebuild(command, *arguments); }); });

  CLI::App* show = group->add_subcommand("show", "the certificates of an organisation or Device, or one by its serial");
  struct Arguments {
    std::string what, store;
  };
  auto wanted = std::make_shared<Arguments>();
  show->add_option("what", wanted->what, "EUI-64, or serial in hexadecimal")->required();
  show->add_option("--store", wanted->store, "rebuilt store")->required();
  show->callback([&command, wanted] { command.Run([&] { return Show(command, wanted->what, wanted->store); }); });
}

}  // namespace smki::cli
