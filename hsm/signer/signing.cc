// Signing, as I2 orders it: burn, sync, sign, sync, release.
#include <algorithm>
#include <map>

#include "base/fail_point.h"
#include "hsm/signer/signer.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

void Signer::BeginSign(const SignFrame& request) {
  auto job = AdmitSign(request);
  if (!job.ok()) {
    const Status refusal = Refused(job.status());
    pending_.push_back({MakeErrorFrame(refusal), nullptr});
    return;
  }
  if (!(*job)->blocks.empty()) {
    pending_.push_back({std::nullopt, *std::move(job)});
    return;
  }
  // Everything was refused, or signed before: nothing to wait for.
  const auto result = MakeSigned(**job, nullptr);
  pending_.push_back({result.ok() ? MakeFrame(FrameType::kOk, *result) : MakeErrorFrame(result.status()), nullptr});
}

StatusOr<std::unique_ptr<Signer::SignJob>> Signer::AdmitSign(const SignFrame& request) {
  SMKI_RETURN_IF_ERROR(CheckTime());
  SMKI_RETURN_IF_ERROR(CheckOpenFor(request.direction));
  SMKI_RETURN_IF_ERROR(CheckLedgerGrowth(journal_->history(), request.ledger_sequence));
  Activation& a = *activation_;
  SMKI_ASSIGN_OR_RETURN(Admission admission, a.gate->Admit(request.group, request.items, parts_.clock.SinceBoot()));
  auto job = std::make_unique<SignJob>();
  job->group = request.group;
  job->group_index =
      static_cast<size_t>(a.admitted.direction.FindGroup(request.group) - a.admitted.direction.groups.data());
  job->items = request.items;
  const Status status = BurnAndSubmit(request, admission, *job);
  if (!status.ok()) {
    // The gate has counted what the journal has not: this activation cannot go on.
    FailClosed(status);
    return status;
  }
  job->admissions = std::move(admission.items);
  return job;
}

Status Signer::BurnAndSubmit(const SignFrame& request, Admission& admission, SignJob& job) {
  Activation& a = *activation_;
  bool refused = false;
  for (const ItemAdmission& item : admission.items) {
    if (!item.refusal) continue;
    refused = true;
    SMKI_RETURN_IF_ERROR(
        journal_->RecordRefusal(std::string(procedures::TextOf(*item.refusal).code), item.detail, Now()));
  }
  const bool burns = !admission.burn.empty();
  if (burns) {
    ledger::JournalBurn burn{Now(),
                             request.direction,
                             request.group,
                             request.ledger_sequence,
                             request.ledger_head,
                             std::move(admission.burn)};
    SMKI_ASSIGN_OR_RETURN(const uint64_t record, journal_->Append(std::move(burn)));
    a.gate->Recorded(record);
  }
  FailPoint("signer.burn.before-sync");
  if (burns || refused) journal_->Sync();
  FailPoint("signer.burn.synced");

  // What was burned and never signed - now, or before a crash - is signed as a whole, as it was burned.
  for (const ItemAdmission& item : admission.items) {
    if (item.refusal) continue;
    const BurnBlock block = a.gate->BlockOf(item.counter);
    if (block.signatures_offset != 0) continue;
    if (IsUnderWay(block.record)) {
      FinishJobs(true);
      if (activation_ == nullptr) return Refuse(Reason::kKEY_CLOSED, "the signatures under way could not be made");
      continue;
    }
    const bool known =
        std::any_of(job.blocks.begin(), job.blocks.end(), [&](const BurnBlock& b) { return b.record == block.record; });
    if (!known) job.blocks.push_back(block);
  }
  if (job.blocks.empty()) return OkStatus();
  auto batch = std::make_unique<SigningBatch>();
  const gbcs::CommandTemplate& command = a.admitted.groups[job.group_index].command;
  for (const BurnBlock& block : job.blocks) {
    for (const ledger::JournalBurnItem& item : a.gate->ItemsOf(block)) {
      batch->commands.push_back(command.Encode(item.device, item.counter));
    }
  }
  a.signers->Submit(std::move(batch));
  return OkStatus();
}

bool Signer::IsUnderWay(uint64_t burn_record) const {
  return std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.job != nullptr && std::any_of(pending.job->blocks.begin(), pending.job->blocks.end(),
                                                 [&](const BurnBlock& block) { return block.record == burn_record; });
  });
}

void Signer::FinishJobs(bool wait) {
  for (size_t i = 0; i < pending_.size(); ++i) {
    Pending& pending = pending_[i];
    if (pending.job == nullptr) continue;
    if (activation_ == nullptr || !activation_->open()) return;
    const std::unique_ptr<SigningBatch> batch = activation_->signers->Take(wait);
    if (batch == nullptr) return;
    FinishSign(pending, *batch);
  }
}

void Signer::FinishSign(Pending& pending, SigningBatch& batch) {
  FailPoint("signer.sign.done");
  Status status = batch.status;
  if (status.ok()) status = RecordSignatures(*pending.job, batch);
  if (!status.ok()) {
    FailClosed(status);
    return;
  }
  FailPoint("signer.signatures.synced");
  const auto result = MakeSigned(*pending.job, &batch);
  pending.answer = result.ok() ? MakeFrame(FrameType::kOk, *result) : MakeErrorFrame(result.status());
  pending.job.reset();
}

Status Signer::RecordSignatures(const SignJob& job, const SigningBatch& batch) {
  Activation& a = *activation_;
  // One of each batch is checked: a token whose private key is not the directed one shows at once.
  const pki::PublicKey& key = a.admitted.key;
  if (!key.Verify(gbcs::CommandTemplate::ToBeSigned(batch.commands[0]), batch.signatures[0])) {
    return Refuse(Reason::kKEY_MISMATCH, "the token's signature does not verify with the directed certificate");
  }
  struct Place {
    uint64_t record, count, offset;
  };
  std::vector<Place> places;
  auto next = batch.signatures.begin();
  for (const BurnBlock& block : job.blocks) {
    ledger::JournalSignatures record{block.record, {next, next + block.count}};
    next += block.count;
    SMKI_ASSIGN_OR_RETURN(const uint64_t offset, journal_->Append(record));
    places.push_back({block.record, block.count, offset});
  }
  journal_->Sync();
  for (const Place& place : places)
    SMKI_RETURN_IF_ERROR(a.gate->ApplySignatures(place.record, place.count, place.offset));
  return OkStatus();
}

StatusOr<SignedFrame> Signer::MakeSigned(const SignJob& job, SigningBatch* batch) {
  // Where in the batch a counter's command stands, or nullopt if it was signed before.
  const auto find = [&](uint64_t counter) -> std::optional<size_t> {
    size_t start = 0;
    for (const BurnBlock& block : job.blocks) {
      if (counter >= block.first_counter && counter < block.first_counter + block.count)
        return start + (counter - block.first_counter);
      start += block.count;
    }
    return std::nullopt;
  };
  if (batch != nullptr) {
    for (size_t i = 0; i < batch->commands.size(); ++i) {
      gbcs::CommandTemplate::AppendSignature(batch->commands[i], batch->signatures[i]);
    }
  }
  SignedFrame out;
  out.items.reserve(job.items.size());
  std::map<uint64_t, size_t> given;  // counter -> item that took the batch's command; one may be asked for twice
  for (size_t i = 0; i < job.items.size(); ++i) {
    SignedItem& item = out.items.emplace_back();
    item.device = job.items[i].device;
    item.attempt = job.items[i].attempt;
    const ItemAdmission& admission = job.admissions[i];
    if (admission.refusal) {
      item.refusal = std::string(procedures::TextOf(*admission.refusal).code);
      item.detail = admission.detail;
      continue;
    }
    item.counter = admission.counter;
    if (const auto place = find(admission.counter); place && batch != nullptr) {
      const auto [earlier, first] = given.emplace(admission.counter, i);
      item.command = first ? std::move(batch->commands[*place]) : out.items[earlier->second].command;
      continue;
    }
    const BurnBlock& block = activation_->gate->BlockOf(admission.counter);
    SMKI_ASSIGN_OR_RETURN(
        const pki::RawSignature signature,
        journal_->ReadSignature(block.signatures_offset + 64 * (admission.counter - block.first_counter)));
    item.command = activation_->admitted.groups[job.group_index].command.Encode(item.device, admission.counter);
    gbcs::CommandTemplate::AppendSignature(item.command, signature);
  }
  return out;
}

}  // namespace smki::hsm
