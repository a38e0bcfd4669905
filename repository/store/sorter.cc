#include "repository/store/sorter.h"

#include <algorithm>
#include <cstring>

namespace smki::repository {
namespace {

// The first sixteen octets of a key as a number, and where its entry is: enough to tell almost all of them apart
// without going to the entry.
struct Head {
  uint64_t high, low;
  uint64_t index;
};

uint64_t BigEndian(const uint8_t* octets, size_t size) {
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | (i < size ? octets[i] : 0);
  return out;
}

Head HeadOf(const uint8_t* entry, size_t key_size, uint64_t index) {
  if (key_size >= 16) {
    uint64_t high, low;
    std::memcpy(&high, entry, 8);
    std::memcpy(&low, entry + 8, 8);
    return {__builtin_bswap64(high), __builtin_bswap64(low), index};
  }
  return {BigEndian(entry, key_size), key_size > 8 ? BigEndian(entry + 8, key_size - 8) : 0, index};
}

constexpr size_t kReadAhead = 64 << 10;  // of each run

}  // namespace

Sorter::Sorter(std::string path, size_t entry_size, size_t key_size, size_t memory)
    : path_(std::move(path)),
      entry_size_(entry_size),
      key_size_(key_size),
      memory_(std::max(memory / entry_size, size_t{1}) * entry_size) {}

Status Sorter::Add(ByteSpan entries) {
  SMKI_CHECK(entries.size() % entry_size_ == 0);
  while (!entries.empty()) {
    Bytes full;
    {
      const std::lock_guard lock(mutex_);
      if (buffer_.capacity() == 0) buffer_.reserve(memory_);
      const size_t count = std::min(entries.size(), memory_ - buffer_.size());
      Append(buffer_, entries.first(count));
      size_ += count / entry_size_;
      entries = entries.subspan(count);
      if (buffer_.size() == memory_) full.swap(buffer_);
    }
    if (!full.empty()) SMKI_RETURN_IF_ERROR(Spill(std::move(full)));
  }
  return OkStatus();
}

Bytes Sorter::Sorted(const Bytes& entries) const {
  const size_t count = entries.size() / entry_size_;
  std::vector<Head> heads(count);
  for (size_t i = 0; i < count; ++i) heads[i] = HeadOf(entries.data() + i * entry_size_, key_size_, i);
  std::sort(heads.begin(), heads.end(), [&](const Head& a, const Head& b) {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    if (key_size_ <= 16) return false;
    return std::memcmp(entries.data() + a.index * entry_size_ + 16, entries.data() + b.index * entry_size_ + 16,
                       key_size_ - 16) < 0;
  });
  Bytes out(entries.size());
  for (size_t i = 0; i < count; ++i)
    std::memcpy(out.data() + i * entry_size_, entries.data() + heads[i].index * entry_size_, entry_size_);
  return out;
}

Status Sorter::Spill(Bytes entries) {
  const Bytes sorted = Sorted(entries);
  const std::lock_guard lock(file_mutex_);
  if (!file_) {
    SMKI_ASSIGN_OR_RETURN(file_, Output::Create(path_, /*unnamed=*/true));
  }
  runs_.push_back({file_->size(), sorted.size() / entry_size_});
  return file_->Append(sorted);
}

class Sorter::FromMemory : public Merged {
 public:
  FromMemory(Bytes entries, size_t entry_size) : entries_(std::move(entries)), entry_size_(entry_size) {}
  StatusOr<const uint8_t*> Next() override {
    if (at_ == entries_.size()) return nullptr;
    at_ += entry_size_;
    return entries_.data() + at_ - entry_size_;
  }

 private:
  const Bytes entries_;
  const size_t entry_size_;
  size_t at_ = 0;
};

// A heap of the runs by the key of their next entry.
class Sorter::FromRuns : public Merged {
  struct Source {
    uint64_t offset, left;  // of what is not read yet
    Bytes ahead;
    size_t at = 0;
  };
  const uint8_t* Entry(const Source& source) const { return source.ahead.data() + source.at; }
  auto After() const {
    return [this](const Head& a, const Head& b) {
      if (a.high != b.high) return a.high > b.high;
      if (a.low != b.low) return a.low > b.low;
      if (sorter_.key_size_ <= 16) return false;
      return std::memcmp(Entry(sources_[a.index]) + 16, Entry(sources_[b.index]) + 16, sorter_.key_size_ - 16) > 0;
    };
  }

 public:
  explicit FromRuns(const Sorter& sorter) : sorter_(sorter) {
    for (const Run& run : sorter.runs_) sources_.push_back({run.offset, run.entries, {}, 0});
  }
  Status Begin() {
    for (size_t i = 0; i < sources_.size(); ++i) {
      SMKI_RETURN_IF_ERROR(Fill(sources_[i]));
      heap_.push_back(HeadOf(Entry(sources_[i]), sorter_.key_size_, i));
    }
    std::make_heap(heap_.begin(), heap_.end(), After());
    return OkStatus();
  }

  StatusOr<const uint8_t*> Next() override {
    if (taken_) SMKI_RETURN_IF_ERROR(Advance());
    taken_ = !heap_.empty();
    if (!taken_) return nullptr;
    return Entry(sources_[heap_.front().index]);
  }

 private:
  Status Fill(Source& source) {
    const uint64_t entries = std::min<uint64_t>(source.left, std::max<size_t>(kReadAhead / sorter_.entry_size_, 1));
    source.ahead.resize(entries * sorter_.entry_size_);
    source.at = 0;
    SMKI_RETURN_IF_ERROR(sorter_.file_->ReadAt(source.offset, source.ahead));
    source.offset += source.ahead.size();
    source.left -= entries;
    return OkStatus();
  }
  // Behind the entry at the top: its run's next one takes its place, and sinks to where it belongs.
  Status Advance() {
    const size_t index = heap_.front().index;
    Source& source = sources_[index];
    source.at += sorter_.entry_size_;
    if (source.at == source.ahead.size()) {
      if (source.left == 0) {
        heap_.front() = heap_.back();
        heap_.pop_back();
        Sink();
        return OkStatus();
      }
      SMKI_RETURN_IF_ERROR(Fill(source));
    }
    heap_.front() = HeadOf(Entry(source), sorter_.key_size_, index);
    Sink();
    return OkStatus();
  }
  void Sink() {
    const auto after = After();
    for (size_t at = 0;;) {
      size_t child = 2 * at + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && after(heap_[child], heap_[child + 1])) ++child;
      if (!after(heap_[at], heap_[child])) return;
      std::swap(heap_[at], heap_[child]);
      at = child;
    }
  }

  const Sorter& sorter_;
  std::vector<Source> sources_;
  std::vector<Head> heap_;
  bool taken_ = false;
};

StatusOr<std::unique_ptr<Sorter::Merged>> Sorter::Finish() {
  Bytes rest;
  rest.swap(buffer_);
  if (runs_.empty()) return std::make_unique<FromMemory>(Sorted(rest), entry_size_);
  if (!rest.empty()) SMKI_RETURN_IF_ERROR(Spill(std::move(rest)));
  SMKI_RETURN_IF_ERROR(file_->Flush());
  auto merged = std::make_unique<FromRuns>(*this);
  SMKI_RETURN_IF_ERROR(merged->Begin());
  return merged;
}

}  // namespace smki::repository
