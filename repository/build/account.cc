#include "repository/build/account.h"

#include <algorithm>

namespace smki::repository {

uint16_t Account::Begin(const std::string& file, const std::string& date) {
  const std::lock_guard lock(mutex_);
  FileAccount& account = files_.emplace_back();
  account.file = file;
  account.date = date;
  return static_cast<uint16_t>(files_.size() - 1);
}

std::string Account::NameOf(uint16_t file) const {
  const std::lock_guard lock(mutex_);
  return files_[file].file;
}

std::vector<FileAccount> Account::Files() const {
  return {files_.begin(), files_.end()};
}

void Account::Records(uint16_t file, uint64_t count) {
  const std::lock_guard lock(mutex_);
  files_[file].records += count;
}

bool Account::Rejected(RecordPlace place, Fault fault, ByteSpan serial) {
  const std::lock_guard lock(mutex_);
  FileAccount& account = files_[place.file];
  ++account.rejected;
  if (rejects_.size() >= kMostTolerated) return false;
  rejects_.push_back({place.Sequence(), {fault.reject, fault.detail, account.file, place.offset, ToHex(serial)}});
  return true;
}

void Account::Loaded(uint16_t file) {
  ++files_[file].loaded;
}

void Account::Unchanged(uint16_t file) {
  ++files_[file].unchanged;
}

void Account::Superseded(uint16_t file, uint16_t by) {
  ++files_[file].superseded;
  ++files_[file].superseded_by[files_[by].file];
}

Status Account::CheckTotals() const {
  for (const FileAccount& file : files_) {
    if (file.records != file.loaded + file.superseded + file.unchanged + file.rejected) {
      return Internal("{}: {} records, but {} loaded, {} superseded, {} unchanged and {} rejected", file.file,
                      file.records, file.loaded, file.superseded, file.unchanged, file.rejected);
    }
  }
  return OkStatus();
}

uint64_t Account::rejects() const {
  const std::lock_guard lock(mutex_);
  uint64_t out = 0;
  for (const FileAccount& file : files_) out += file.rejected;
  return out;
}

std::vector<RejectedRecord> Account::Rejects() const {
  const std::lock_guard lock(mutex_);
  auto sorted = rejects_;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<RejectedRecord> out;
  out.reserve(sorted.size());
  for (auto& [sequence, reject] : sorted) out.push_back(std::move(reject));
  return out;
}

}  // namespace smki::repository
