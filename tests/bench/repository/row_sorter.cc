#include "tests/bench/repository/row_sorter.h"

#include <algorithm>
#include <cstring>
#include <queue>

#include "tests/bench/repository/store_candidate.h"

namespace smki::bench {
namespace {

struct Place {
  uint64_t prefix;  // first eight octets as a number, so that memory is rarely looked at
  uint32_t index;
};

uint64_t PrefixOf(const uint8_t* entry) {
  uint64_t out = 0;
  for (size_t i = 0; i < sizeof(out); ++i) out = out << 8 | entry[i];
  return out;
}

// One run, read through a buffer.
class Run {
 public:
  Run(const std::string& path, size_t entry_size, size_t memory)
      : file_(std::fopen(path.c_str(), "rb")),
        entry_size_(entry_size),
        buffer_(std::max<size_t>(1, memory / entry_size) * entry_size) {
    if (file_ == nullptr) Die("cannot read " + path);
    std::setvbuf(file_, nullptr, _IONBF, 0);
    Next();
  }
  ~Run() { std::fclose(file_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  const uint8_t* entry() const { return at_ < size_ ? buffer_.data() + at_ : nullptr; }
  void Next() {
    at_ += entry_size_;
    if (at_ < size_) return;
    at_ = 0;
    size_ = std::fread(buffer_.data(), 1, buffer_.size(), file_);
  }

 private:
  std::FILE* file_;
  const size_t entry_size_;
  Bytes buffer_;
  size_t at_ = 0, size_ = 0;
};

}  // namespace

RowSorter::RowSorter(std::string folder, size_t entry_size, size_t key_size)
    : folder_(std::move(folder)),
      entry_size_(entry_size),
      key_size_(key_size),
      capacity_(kMemory / (entry_size + sizeof(Place))) {
  buffer_.reserve(capacity_ * entry_size_);
}

RowSorter::~RowSorter() {
  for (size_t run = 0; run < runs_; ++run) std::remove(RunPath(run).c_str());
}

std::string RowSorter::RunPath(size_t run) const {
  return folder_ + "/run-" + std::to_string(entry_size_) + "-" + std::to_string(run);
}

void RowSorter::Add(ByteSpan entry) {
  if (entry.size() != entry_size_) Die("an entry of another size");
  if (buffer_.size() == capacity_ * entry_size_) Spill();
  buffer_.insert(buffer_.end(), entry.begin(), entry.end());
}

void RowSorter::Spill() {
  std::vector<Place> places(buffer_.size() / entry_size_);
  for (uint32_t i = 0; i < places.size(); ++i) places[i] = {PrefixOf(buffer_.data() + i * entry_size_), i};
  std::sort(places.begin(), places.end(), [this](const Place& a, const Place& b) {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return std::memcmp(buffer_.data() + a.index * entry_size_, buffer_.data() + b.index * entry_size_, key_size_) < 0;
  });
  std::FILE* file = std::fopen(RunPath(runs_++).c_str(), "wb");
  if (file == nullptr) Die("cannot write a run");
  for (const Place& place : places) {
    if (std::fwrite(buffer_.data() + place.index * entry_size_, entry_size_, 1, file) != 1) Die("cannot write a run");
  }
  if (std::fclose(file) != 0) Die("cannot write a run");
  buffer_.clear();
}

void RowSorter::Merge(const std::function<void(ByteSpan)>& visit) {
  if (!buffer_.empty()) Spill();
  Bytes().swap(buffer_);
  std::vector<std::unique_ptr<Run>> runs;
  for (size_t i = 0; i < runs_; ++i) runs.push_back(std::make_unique<Run>(RunPath(i), entry_size_, kMemory / runs_));
  const auto later = [&](size_t a, size_t b) { return std::memcmp(runs[a]->entry(), runs[b]->entry(), key_size_) > 0; };
  std::priority_queue<size_t, std::vector<size_t>, decltype(later)> heads(later);
  for (size_t i = 0; i < runs_; ++i) heads.push(i);
  while (!heads.empty()) {
    const size_t run = heads.top();
    heads.pop();
    visit({runs[run]->entry(), entry_size_});
    runs[run]->Next();
    if (runs[run]->entry() != nullptr) heads.push(run);
  }
}

}  // namespace smki::bench
