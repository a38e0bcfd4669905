// A custodian's receipt: what this person has seen of the keyguard's journal, so that no keyguard whose disk was set
// back is shown a share (docs/formats/receipt.md). It needs no server of ours to be believed: it lies at home.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "base/time.h"
#include "procedures/environment.h"
#include "smki/keyguard/v1/keyguard.pb.h"

namespace smki::cli {

struct Receipt {
  procedures::Environment environment;
  Digest keyguard{};  // SHA-256 of its certificate in the trust policy
  uint64_t epoch = 0;
  uint64_t journal_records = 0;
  Digest journal_head{};         // after that many records
  uint64_t ledger_sequence = 0;  // newest ledger head that the keyguard had been shown then
  Digest ledger_head{};          // zeros: none
  UtcTime time;                  // the keyguard's
};
std::string Render(const Receipt& receipt);
StatusOr<Receipt> ParseReceipt(std::string_view text);

// "keyguard-receipt.yaml" beside the site file.
std::string ReceiptPath(const std::string& site_file);
// nullopt if there is none yet.
StatusOr<std::optional<Receipt>> ReadReceipt(FileSystem& files, const std::string& path);

// `status` is the keyguard's answer to journal_records_seen = receipt.journal_records. JOURNAL_ROLLED_BACK if its
// journal does not go on from the receipt.
Status CheckReceipt(const Receipt& receipt, const keyguard::v1::Status& status);
// What `status` shows, to be kept for next time.
StatusOr<Receipt> ReceiptOf(const keyguard::v1::Status& status, const Digest& keyguard);

}  // namespace smki::cli
