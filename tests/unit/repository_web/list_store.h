// A store in memory, for answers and faults that no file gives on demand.
#pragma once

#include <functional>
#include <vector>

#include "repository/store/store.h"

namespace smki::repository::web {

class ListStore : public Store {
 public:
  explicit ListStore(std::vector<CertificateRecord> records = {}) : records_(std::move(records)) {
    summary_.certificates = records_.size();
    summary_.full_date = "2026-11-15";
  }
  StatusOr<std::vector<CertificateRecord>> ByEui(Eui64 eui) const override {
    return Find([&](const CertificateRecord& record) { return record.eui == eui; });
  }
  StatusOr<std::vector<CertificateRecord>> BySerial(ByteSpan serial) const override {
    return Find([&](const CertificateRecord& record) { return record.serial == ToBytes(serial); });
  }
  StatusOr<std::optional<CertificateRecord>> ByDigest(const Digest&) const override { return std::nullopt; }
  StatusOr<std::vector<CertificateRecord>> Authorities() const override { return std::vector<CertificateRecord>(); }
  const StoreSummary& summary() const override { return summary_; }

  // Asked before every look-up: may wait, or fail it.
  std::function<smki::Status()> before_look_up;

 private:
  StatusOr<std::vector<CertificateRecord>> Find(const std::function<bool(const CertificateRecord&)>& wanted) const {
    if (before_look_up) SMKI_RETURN_IF_ERROR(before_look_up());
    std::vector<CertificateRecord> found;
    for (const CertificateRecord& record : records_) {
      if (wanted(record)) found.push_back(record);
    }
    return found;
  }

  std::vector<CertificateRecord> records_;
  StoreSummary summary_;
};

inline constexpr uint64_t kSupplier = 0x90B3D51F30010000;
inline constexpr uint64_t kMeter = 0x00DB1234567890A4;
inline constexpr char kSupplierText[] = "90-B3-D5-1F-30-01-00-00";
inline constexpr char kMeterText[] = "00-DB-12-34-56-78-90-A4";

inline CertificateRecord Device(uint64_t eui, const std::string& serial_hex, const std::string& usage = "DS") {
  CertificateRecord record;
  record.kind = CertificateKind::kDevice;
  record.eui = Eui64(eui);
  record.serial = *FromHex(serial_hex);
  record.usage = usage;
  record.der = Bytes(50, 0xAB);
  return record;
}
inline CertificateRecord Organisation(uint64_t eui, const std::string& serial_hex, uint8_t role) {
  CertificateRecord record = Device(eui, serial_hex);
  record.kind = CertificateKind::kOrganisation;
  record.subject_name = "a supplier";
  record.role = role;
  return record;
}

inline std::string SearchXml(const std::string& element, const std::string& text) {
  return "<CertificateSearchRequest><" + element + ">" + text + "</" + element + "></CertificateSearchRequest>";
}
inline std::string DeviceSearch(const std::string& eui = kMeterText) {
  return SearchXml("CertificateSubjectAltName", eui);
}
inline std::string OrganisationSearch(const std::string& eui = kSupplierText) {
  return SearchXml("CertificateSubjectName", eui);
}
inline std::string DataXml(const std::string& serial) {
  return "<CertificateDataRequest><CertificateSerial>" + serial + "</CertificateSerial></CertificateDataRequest>";
}

}  // namespace smki::repository::web
