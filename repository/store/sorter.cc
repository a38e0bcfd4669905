#include "repository/store/sorter.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace smki::repository {
namespace {

constexpr size_t kReadAhead = 64 << 10;  // of each run
constexpr size_t kWrittenAtOnce = Output::kBlock;
constexpr size_t kFetchAhead = 16;  // entries told to the cache before they are copied

// Up to eight octets as a number, those that are not there being zeros behind.
uint64_t Number(const uint8_t* octets, size_t size) {
  uint64_t out = 0;
  if (size >= 8) {
    std::memcpy(&out, octets, 8);
    return __builtin_bswap64(out);
  }
  for (size_t i = 0; i < 8; ++i) out = out << 8 | (i < size ? octets[i] : 0);
  return out;
}

// Enough of a key to tell almost all of them apart, and where its entry is.
struct Head {
  uint64_t number;
  uint32_t index;
};

// An entry that is nothing but its key, of two numbers: an index's.
struct Pair {
  uint64_t number, second;
};
constexpr size_t kPair = 16;

// Into buckets by the first bits in which any two differ, which leaves a handful in each where numbers are spread
// evenly, as those of random serials and digests are; in a bucket with more of them the same again. Few are compared.
// Each step divides, so it ends after at most 64 of them. `room` is as large as `heads`.
template <typename Head, typename Before>
void SortHeads(std::span<Head> heads, std::span<Head> room, const Before& before) {
  constexpr size_t kFew = 48;
  uint64_t different = 0;
  for (const Head& head : heads) different |= head.number ^ heads[0].number;
  if (heads.size() <= kFew || different == 0) return std::sort(heads.begin(), heads.end(), before);
  const int same = std::countl_zero(different);
  const int bits = std::min({static_cast<int>(std::bit_width(heads.size())) - 3, 16, 64 - same});
  const auto bucket = [&](const Head& head) { return head.number << same >> (64 - bits); };
  std::vector<uint32_t> ends((size_t{1} << bits) + 1);
  for (const Head& head : heads) ++ends[bucket(head) + 1];
  for (size_t b = 1; b < ends.size(); ++b) ends[b] += ends[b - 1];
  // Now ends[b] is where bucket b begins; placing moves it to where it ends.
  for (const Head& head : heads) room[ends[bucket(head)]++] = head;
  std::copy_n(room.begin(), heads.size(), heads.begin());
  size_t begin = 0;
  for (size_t b = 0; b + 1 < ends.size(); ++b) {
    const size_t size = ends[b] - begin;
    if (size > 1) SortHeads(heads.subspan(begin, size), room, before);
    begin = ends[b];
  }
}

void SortPairs(Bytes& entries) {
  std::vector<Pair> pairs(entries.size() / kPair), room(pairs.size());
  for (size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {Number(entries.data() + i * kPair, 8), Number(entries.data() + i * kPair + 8, 8)};
  SortHeads<Pair>(pairs, room, [](const Pair& a, const Pair& b) {
    return a.number != b.number ? a.number < b.number : a.second < b.second;
  });
  for (size_t i = 0; i < pairs.size(); ++i) {
    const uint64_t octets[2] = {__builtin_bswap64(pairs[i].number), __builtin_bswap64(pairs[i].second)};
    std::memcpy(entries.data() + i * kPair, octets, kPair);
  }
}

}  // namespace

Sorter::Sorter(std::string path, size_t entry_size, size_t key_size, size_t memory)
    : path_(std::move(path)),
      entry_size_(entry_size),
      key_size_(key_size),
      memory_(std::clamp(memory / entry_size, size_t{1}, size_t{UINT32_MAX}) * entry_size) {}

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
      if (buffer_.size() == memory_) {
        full.swap(buffer_);
        buffer_.swap(spare_);
      }
    }
    if (full.empty()) continue;
    SMKI_RETURN_IF_ERROR(Spill(full));
    full.clear();
    const std::lock_guard lock(mutex_);
    if (spare_.capacity() == 0) spare_.swap(full);
  }
  return OkStatus();
}

// How many octets all keys begin with.
size_t Sorter::CommonOctets(const Bytes& entries) const {
  for (size_t at = 0; at < key_size_; at += 8) {
    const size_t size = std::min<size_t>(8, key_size_ - at);
    const uint64_t first = Number(entries.data() + at, size);
    uint64_t different = 0;
    for (size_t e = 0; e < entries.size(); e += entry_size_) different |= Number(entries.data() + e + at, size) ^ first;
    if (different != 0) return at + static_cast<size_t>(std::countl_zero(different)) / 8;
  }
  return 0;
}

Sorter::Order Sorter::OrderOf(const Bytes& entries) const {
  const size_t count = entries.size() / entry_size_;
  const size_t at = std::min(CommonOctets(entries), key_size_ - std::min<size_t>(key_size_, 8));
  std::vector<Head> heads(count), room(count);
  for (size_t i = 0; i < count; ++i)
    heads[i] = {Number(entries.data() + i * entry_size_ + at, key_size_ - at), static_cast<uint32_t>(i)};
  SortHeads<Head>(heads, room, [&](const Head& a, const Head& b) {
    if (a.number != b.number) return a.number < b.number;
    return std::memcmp(entries.data() + a.index * entry_size_, entries.data() + b.index * entry_size_, key_size_) < 0;
  });
  Order out(count);
  for (size_t i = 0; i < count; ++i) out[i] = heads[i].index;
  return out;
}

Status Sorter::Spill(Bytes& entries) {
  Order order;
  if (IsPairs()) {
    SortPairs(entries);
  } else {
    order = OrderOf(entries);
  }
  Bytes piece;
  piece.reserve(kWrittenAtOnce + entry_size_);
  const std::lock_guard lock(file_mutex_);
  if (!file_) {
    SMKI_ASSIGN_OR_RETURN(file_, Output::CreateScratch(path_));
  }
  runs_.push_back({file_->size(), entries.size() / entry_size_});
  if (order.empty()) return file_->Append(entries);
  for (size_t i = 0; i < order.size(); ++i) {
    const uint8_t* later = entries.data() + order[std::min(i + kFetchAhead, order.size() - 1)] * entry_size_;
    __builtin_prefetch(later);
    __builtin_prefetch(later + entry_size_ - 1);
    Append(piece, {entries.data() + order[i] * entry_size_, entry_size_});
    if (piece.size() < kWrittenAtOnce) continue;
    SMKI_RETURN_IF_ERROR(file_->Append(piece));
    piece.clear();
  }
  return file_->Append(piece);
}

// A heap of the runs by the key of their next entry.
class Sorter::FromRuns : public Merged {
  struct Source {
    const uint8_t* entry = nullptr;  // the next
    uint64_t offset = 0, left = 0;   // of what is not read yet
    Bytes ahead;
  };
  struct Top {
    uint64_t high, low;  // of the key of a source's next entry
    size_t source;
  };

 public:
  // What is left in memory is the last run.
  FromRuns(const Sorter& sorter, Bytes rest) : sorter_(sorter), rest_(std::move(rest)) {
    for (const Run& run : sorter.runs_) sources_.push_back({nullptr, run.offset, run.entries, {}});
    if (rest_.empty()) return;
    sources_.emplace_back();
    if (sorter_.IsPairs()) {
      SortPairs(rest_);
    } else {
      order_ = sorter.OrderOf(rest_);
    }
  }
  Status Begin() {
    for (size_t i = 0; i < sources_.size(); ++i) {
      SMKI_ASSIGN_OR_RETURN(const bool more, Advance(sources_[i]));
      if (more) heap_.push_back(TopOf(i));
    }
    std::make_heap(heap_.begin(), heap_.end(), [this](const Top& a, const Top& b) { return Before(b, a); });
    return OkStatus();
  }

  StatusOr<const uint8_t*> Next() override {
    if (taken_) {
      const size_t source = heap_.front().source;
      SMKI_ASSIGN_OR_RETURN(const bool more, Advance(sources_[source]));
      if (more) {
        heap_.front() = TopOf(source);
      } else {
        heap_.front() = heap_.back();
        heap_.pop_back();
      }
      Sink();
    }
    taken_ = !heap_.empty();
    return taken_ ? sources_[heap_.front().source].entry : nullptr;
  }

 private:
  Top TopOf(size_t source) const {
    const uint8_t* entry = sources_[source].entry;
    const size_t size = sorter_.key_size_;
    return {Number(entry, size), size > 8 ? Number(entry + 8, size - 8) : 0, source};
  }
  bool Before(const Top& a, const Top& b) const {
    if (a.high != b.high) return a.high < b.high;
    if (a.low != b.low) return a.low < b.low;
    return std::memcmp(sources_[a.source].entry, sources_[b.source].entry, sorter_.key_size_) < 0;
  }
  // To its next entry; false if there is none.
  StatusOr<bool> Advance(Source& source) {
    const size_t size = sorter_.entry_size_;
    if (!rest_.empty() && &source == &sources_.back()) {
      if (in_rest_ == rest_.size() / size) return false;
      if (order_.empty()) {
        source.entry = rest_.data() + in_rest_++ * size;
        return true;
      }
      const uint8_t* later = rest_.data() + order_[std::min(in_rest_ + kFetchAhead, order_.size() - 1)] * size;
      __builtin_prefetch(later);
      __builtin_prefetch(later + size - 1);
      source.entry = rest_.data() + order_[in_rest_++] * size;
      return true;
    }
    if (source.entry != nullptr && source.entry + size != source.ahead.data() + source.ahead.size()) {
      source.entry += size;
      return true;
    }
    if (source.left == 0) return false;
    const uint64_t entries = std::min<uint64_t>(source.left, std::max<size_t>(kReadAhead / size, 1));
    source.ahead.resize(entries * size);
    SMKI_RETURN_IF_ERROR(sorter_.file_->ReadAt(source.offset, source.ahead));
    source.offset += source.ahead.size();
    source.left -= entries;
    source.entry = source.ahead.data();
    return true;
  }
  // What is at the top goes to where it belongs.
  void Sink() {
    for (size_t at = 0;;) {
      size_t child = 2 * at + 1;
      if (child >= heap_.size()) return;
      if (child + 1 < heap_.size() && Before(heap_[child + 1], heap_[child])) ++child;
      if (!Before(heap_[child], heap_[at])) return;
      std::swap(heap_[at], heap_[child]);
      at = child;
    }
  }

  const Sorter& sorter_;
  Bytes rest_;
  Order order_;  // of the rest; empty if it lies in order
  size_t in_rest_ = 0;
  std::vector<Source> sources_;
  std::vector<Top> heap_;
  bool taken_ = false;
};

StatusOr<std::unique_ptr<Sorter::Merged>> Sorter::Finish() {
  spare_ = {};
  if (file_) SMKI_RETURN_IF_ERROR(file_->Flush());
  Bytes rest;
  rest.swap(buffer_);
  auto merged = std::make_unique<FromRuns>(*this, std::move(rest));
  SMKI_RETURN_IF_ERROR(merged->Begin());
  return merged;
}

}  // namespace smki::repository
