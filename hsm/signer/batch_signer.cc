#include "hsm/signer/batch_signer.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "gbcs/credentials.h"
#include "pki/digest.h"

namespace smki::hsm {
namespace {

// Small enough that all threads end a batch together, large enough that taking work costs nothing.
constexpr size_t kShare = 16;

StatusOr<pki::RawSignature> SignCommand(pki::Signer& key, const Bytes& command) {
  return key.SignDigest(pki::Sha256(gbcs::CommandTemplate::ToBeSigned(command)));
}

class ParallelBatchSigner : public BatchSigner {
 public:
  explicit ParallelBatchSigner(std::vector<std::unique_ptr<pki::Signer>> keys)
      : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), keys_(std::move(keys)) {
    SMKI_CHECK(ready_ >= 0);
    for (auto& key : keys_) threads_.emplace_back([this, &key] { Work(*key); });
  }
  ~ParallelBatchSigner() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    ::close(ready_);
  }

  void Submit(std::unique_ptr<SigningBatch> batch) override {
    {
      const std::lock_guard lock(mutex_);
      batch->signatures.resize(batch->commands.size());
      jobs_.push_back(Job{std::move(batch)});
    }
    work_.notify_all();
  }

  std::unique_ptr<SigningBatch> Take(bool wait) override {
    std::unique_lock lock(mutex_);
    if (jobs_.empty()) return nullptr;
    if (wait) done_.wait(lock, [&] { return jobs_.front().done(); });
    uint64_t events = 0;  // read after the wait: an event left over would wake the poll for ever
    [[maybe_unused]] const ssize_t ignored = ::read(ready_, &events, sizeof events);
    if (!jobs_.front().done()) return nullptr;
    std::unique_ptr<SigningBatch> batch = std::move(jobs_.front().batch);
    jobs_.pop_front();
    // The next may have been done before: its event was read just now.
    if (!jobs_.empty() && jobs_.front().done()) Announce();
    return batch;
  }

  int ready_fd() const override { return ready_; }

 private:
  struct Job {
    std::unique_ptr<SigningBatch> batch;
    size_t taken = 0;
    size_t finished = 0;
    bool done() const { return finished == batch->commands.size(); }
  };

  void Announce() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(ready_, &one, sizeof one);
  }

  Job* NextJob() {
    for (Job& job : jobs_) {
      if (job.taken < job.batch->commands.size()) return &job;
    }
    return nullptr;
  }

  void Work(pki::Signer& key) {
    std::unique_lock lock(mutex_);
    while (true) {
      Job* job = nullptr;
      work_.wait(lock, [&] { return stopping_ || (job = NextJob()) != nullptr; });
      if (stopping_) return;
      const size_t from = job->taken;
      const size_t to = std::min(from + kShare, job->batch->commands.size());
      job->taken = to;
      SigningBatch& batch = *job->batch;  // stays where it is until all of it is finished
      lock.unlock();
      const Status status = SignShare(key, batch, from, to);
      lock.lock();
      if (!status.ok()) batch.status = status;
      job->finished += to - from;  // deque: Jobs do not move while others are added or removed at the ends
      if (job->done()) {
        done_.notify_all();
        Announce();
      }
    }
  }

  static Status SignShare(pki::Signer& key, SigningBatch& batch, size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      SMKI_ASSIGN_OR_RETURN(batch.signatures[i], SignCommand(key, batch.commands[i]));
    }
    return OkStatus();
  }

  const int ready_;
  std::vector<std::unique_ptr<pki::Signer>> keys_;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

void ImmediateBatchSigner::Submit(std::unique_ptr<SigningBatch> batch) {
  for (const Bytes& command : batch->commands) {
    const auto signature = SignCommand(key_, command);
    if (!signature.ok()) {
      batch->status = signature.status();
      break;
    }
    batch->signatures.push_back(*signature);
  }
  done_.push_back(std::move(batch));
}

std::unique_ptr<SigningBatch> ImmediateBatchSigner::Take(bool) {
  if (done_.empty()) return nullptr;
  std::unique_ptr<SigningBatch> out = std::move(done_.front());
  done_.erase(done_.begin());
  return out;
}

std::unique_ptr<BatchSigner> MakeParallelBatchSigner(std::vector<std::unique_ptr<pki::Signer>> keys) {
  return std::make_unique<ParallelBatchSigner>(std::move(keys));
}

}  // namespace smki::hsm
