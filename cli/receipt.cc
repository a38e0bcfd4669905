#include "cli/receipt.h"

#include <algorithm>

#include "procedures/canonical_archive.h"
#include "procedures/reason.h"

namespace smki::cli {

using procedures::Reason;
using procedures::Refuse;

// Found by argument-dependent lookup from canonical_archive.h, so not in an unnamed namespace.
template <typename Archive>
void Fields(Archive& a, Receipt& r) {
  a.Header("KeyguardReceipt");
  EnvironmentField(a, r.environment);
  a.Field("keyguard", r.keyguard);
  a.Field("epoch", r.epoch);
  a.Group("journal", [&] {
    a.Field("records", r.journal_records);
    a.Field("head", r.journal_head);
  });
  a.Group("ledger", [&] {
    a.Field("sequence", r.ledger_sequence);
    a.Field("head", r.ledger_head);
  });
  a.Field("time", r.time);
}

std::string Render(const Receipt& receipt) {
  return procedures::RenderCanonical(receipt);
}
StatusOr<Receipt> ParseReceipt(std::string_view text) {
  return procedures::ParseCanonical<Receipt>(text, procedures::kMaxDocument);
}

std::string ReceiptPath(const std::string& site_file) {
  return DirectoryOf(site_file) + "/keyguard-receipt.yaml";
}

StatusOr<std::optional<Receipt>> ReadReceipt(FileSystem& files, const std::string& path) {
  const auto text = files.Read(path, procedures::kMaxDocument);
  if (text.status().code() == StatusCode::kNotFound) return std::optional<Receipt>();
  SMKI_RETURN_IF_ERROR(text.status());
  const auto receipt = ParseReceipt(AsText(*text));
  if (!receipt.ok()) return WithContext(receipt.status(), path);
  return std::optional<Receipt>(*receipt);
}

Status CheckReceipt(const Receipt& receipt, const keyguard::v1::Status& status) {
  if (status.journal_records() < receipt.journal_records) {
    return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                  fmt::format("the keyguard's journal has {} records; at {} it showed you {}. Show no share to it",
                              status.journal_records(), FormatTime(receipt.time), receipt.journal_records));
  }
  if (status.journal_head_seen() != AsText(receipt.journal_head)) {
    return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                  fmt::format("after {} records the keyguard's journal is not what it was at {}. Show no share to it",
                              receipt.journal_records, FormatTime(receipt.time)));
  }
  if (status.epoch() >= receipt.epoch) return OkStatus();
  return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                fmt::format("the keyguard counts {} activations; at {} it counted {}. Show no share to it",
                            status.epoch(), FormatTime(receipt.time), receipt.epoch));
}

StatusOr<Receipt> ReceiptOf(const keyguard::v1::Status& status, const Digest& keyguard) {
  Receipt out;
  const auto take = [](const std::string& octets, Digest& digest) {
    if (octets.size() != digest.size()) return false;
    std::copy(octets.begin(), octets.end(), digest.begin());
    return true;
  };
  out.environment = {status.environment(), status.estate()};
  out.keyguard = keyguard;
  out.epoch = status.epoch();
  out.journal_records = status.journal_records();
  out.ledger_sequence = status.ledger_sequence();
  out.time.ms = status.time_ms();
  const bool good = take(status.journal_head(), out.journal_head) &&
                    (status.ledger_head().empty() || take(status.ledger_head(), out.ledger_head));
  if (!good) return DataLoss("the keyguard's status does not quote its journal and ledger heads");
  return out;
}

}  // namespace smki::cli
