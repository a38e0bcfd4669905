// smkictl repository ...: the SMKI Repository rebuilt from its extracts, without any server.
#include <CLI/CLI.hpp>

#include "cli/repository_serve.h"
#include "cli/repository_text.h"
#include "cli/repository_transfer.h"
#include "pki/certificate.h"

namespace smki::cli {
namespace {

using repository::CertificateRecord;

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
  if (const auto serial = FromHex(what.size() % 2 == 1 ? "0" + what : what); serial && records.empty()) {
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

  AddRepositoryRebuild(*group, command);
  AddRepositoryProve(*group, command);
  AddRepositoryPublish(*group, command);

  CLI::App* show = group->add_subcommand("show", "the certificates of an organisation or Device, or one by its serial");
  struct Arguments {
    std::string what, store;
  };
  auto wanted = std::make_shared<Arguments>();
  show->add_option("what", wanted->what, "EUI-64, or serial in hexadecimal")->required();
  show->add_option("--store", wanted->store, "rebuilt store")->required();
  show->callback([&command, wanted] { command.Run([&] { return Show(command, wanted->what, wanted->store); }); });

  AddRepositoryServe(*group, command);
}

}  // namespace smki::cli
