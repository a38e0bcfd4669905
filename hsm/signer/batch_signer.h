// Where signatures are made, away from the signer's thread: it hands over batches and takes them back in the same
// order.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "pki/key.h"

namespace smki::hsm {

struct SigningBatch {
  std::vector<Bytes> commands;  // each is signed from its second octet on (gbcs::CommandTemplate::ToBeSigned)
  std::vector<pki::RawSignature> signatures;  // filled: one for each command
  Status status;                              // of the whole batch
};

// Signer's thread only. Destroying it waits for batches under way and forgets them.
class BatchSigner {
 public:
  virtual ~BatchSigner() = default;
  virtual void Submit(std::unique_ptr<SigningBatch> batch) = 0;
  // The oldest batch if it is done; else null, or with `wait` not before it is done. Null if none was submitted.
  virtual std::unique_ptr<SigningBatch> Take(bool wait) = 0;
  // A file descriptor that becomes readable when a batch is done; -1 if every batch is done when Submit returns.
  virtual int ready_fd() const = 0;
};

// Signs at once, with one key, on the caller's thread.
class ImmediateBatchSigner : public BatchSigner {
 public:
  explicit ImmediateBatchSigner(pki::Signer& key) : key_(key) {}
  void Submit(std::unique_ptr<SigningBatch> batch) override;
  std::unique_ptr<SigningBatch> Take(bool wait) override;
  int ready_fd() const override { return -1; }

 private:
  pki::Signer& key_;
  std::vector<std::unique_ptr<SigningBatch>> done_;
};

// Several signers, each on a thread of its own, share the work of each batch.
std::unique_ptr<BatchSigner> MakeParallelBatchSigner(std::vector<std::unique_ptr<pki::Signer>> keys);

}  // namespace smki::hsm
