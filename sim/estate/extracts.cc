#include "sim/estate/extracts.h"

#include "sim/authority/profile.h"

namespace smki::sim {

StatusOr<ExtractSet> ExtractSet::Create(const std::string& folder, UtcTime full_day) {
  ExtractSet set;
  set.full_day_ = full_day;
  for (int file = 0; file <= kDeltas; ++file) {
    SMKI_ASSIGN_OR_RETURN(auto writer, repository::ExtractWriter::Create(folder, /*full=*/file == 0, set.DateOf(file)));
    set.writers_.push_back(std::move(writer));
  }
  return set;
}

Status ExtractSet::Add(int file, const pki::Certificate& certificate, repository::CertificateKind kind,
                       repository::CertificateStatus status) {
  SMKI_ASSIGN_OR_RETURN(const repository::CertificateRecord record, RecordOf(certificate, kind, status, DateOf(file)));
  ++records_;
  return writers_[static_cast<size_t>(file)]->Add(record);
}

Status ExtractSet::Finish() {
  for (const auto& writer : writers_) SMKI_RETURN_IF_ERROR(writer->Finish());
  return OkStatus();
}

}  // namespace smki::sim
