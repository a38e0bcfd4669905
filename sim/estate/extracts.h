// The estate's extract files while they are being written, side by side: one FULL and seven deltas.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "repository/extract/extract.h"
#include "sim/estate/plan.h"

namespace smki::sim {

class ExtractSet {
 public:
  // The FULL is of `full_day` (a midnight), delta n of n days later.
  static StatusOr<ExtractSet> Create(const std::string& folder, UtcTime full_day);

  Status Add(int file, const pki::Certificate& certificate, repository::CertificateKind kind,
             repository::CertificateStatus status);
  Status Finish();
  UtcTime DayOf(int file) const { return full_day_ + file * std::chrono::hours(24); }
  std::string DateOf(int file) const { return FormatDate(DayOf(file)); }
  uint64_t records() const { return records_; }

 private:
  std::vector<std::unique_ptr<repository::ExtractWriter>> writers_;
  UtcTime full_day_;
  uint64_t records_ = 0;
};

}  // namespace smki::sim
