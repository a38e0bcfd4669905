#include "sim/authority/authority.h"

#include <algorithm>

#include "base/fail_point.h"
#include "base/file.h"
#include "base/wire.h"
#include "pki/digest.h"
#include "repository/extract/extract.h"
#include "sim/authority/profile.h"

namespace smki::sim {
namespace {

using repository::CertificateKind;

constexpr Millis kDay = std::chrono::hours(24);
// The Organisation CRL is issued daily; nextUpdate leaves a day for a late one.
constexpr Millis kCrlLife = 2 * kDay;

}  // namespace

StatusOr<pki::Certificate> Authority::SubmitRequest(ByteSpan pkcs10, const std::string& subscriber,
                                                    const std::string& caller) {
  SMKI_ASSIGN_OR_RETURN(const pki::CertificateRequest request, pki::ParseCertificateRequest(pkcs10));
  SMKI_ASSIGN_OR_RETURN(const std::optional<Party> party, state_.FindParty(request.eui));
  if (!party)
    return PermissionDenied("{} is no Eligible Subscriber; check the EUI-64 in the request", request.eui.ToString());
  if (caller != party->id) {
    SMKI_ASSIGN_OR_RETURN(const bool other, state_.IsParty(caller));
    if (other)
      return PermissionDenied("{} asks for a certificate of {}; a party asks for itself only", caller, party->id);
  }
  if (request.role != party->role) {
    return PermissionDenied("{} has role {:02X}, the request says {:02X}", party->id, party->role, request.role);
  }
  if (request.key_usage != pki::kDigitalSignature && request.key_usage != pki::kKeyAgreement) {
    return InvalidArgument("the request of {} must ask for exactly one of digitalSignature and keyAgreement",
                           party->id);
  }
  const Digest digest = pki::Sha256(pkcs10);
  SMKI_ASSIGN_OR_RETURN(std::optional<pki::Certificate> issued, state_.FindByRequest(digest));
  if (issued) return *std::move(issued);

  const Validity validity = OrganisationValidity(clock_.Now());
  SMKI_ASSIGN_OR_RETURN(
      pki::Certificate certificate,
      pki::IssueOrganisationCertificate(issuing_, {request.common_name, request.role, request.eui}, *request.key,
                                        static_cast<pki::KeyUsageBits>(request.key_usage), NextSerial(),
                                        validity.not_before, validity.not_after));
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state_.Begin());
  SMKI_RETURN_IF_ERROR(
      state_.AddCertificate(certificate, CertificateKind::kOrganisation, /*file_date=*/"", digest, subscriber));
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("sim.certificate.issued");
  return certificate;
}

Status Authority::Revoke(ByteSpan serial, int reason) {
  // RFC 5280 CRLReason: 7 is not used, 8 takes a certificate off a list.
  if (reason < 0 || reason > 10 || reason == 7 || reason == 8) {
    return InvalidArgument("CRLReason {} is not a reason to revoke; keyCompromise is 1", reason);
  }
  SMKI_ASSIGN_OR_RETURN(const std::optional<AuthorityState::Known> known, state_.FindBySerial(serial));
  if (!known || known->kind != CertificateKind::kOrganisation) {
    return NotFound("the Issuing OCA has issued no Organisation Certificate with serial {}", ToHex(serial));
  }
  if (known->status == repository::CertificateStatus::kRevoked) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state_.Begin());
  SMKI_RETURN_IF_ERROR(state_.MarkRevoked(serial, clock_.Now(), reason));
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("sim.certificate.revoked");
  return OkStatus();
}

StatusOr<Authority::PublishedList> Authority::PublishRevocationList() {
  SMKI_ASSIGN_OR_RETURN(const std::string last, state_.Setting(kCrlNumber));
  const uint64_t number = (last.empty() ? 0 : std::stoull(last)) + 1;
  SMKI_ASSIGN_OR_RETURN(std::vector<pki::Revoked> revoked, state_.Revocations());
  const UtcTime now = clock_.Now();
  SMKI_ASSIGN_OR_RETURN(pki::RevocationList list,
                        pki::IssueRevocationList(revoking_, number, now, now + kCrlLife, std::move(revoked)));
  // The number first: one that was used is never used again for another list.
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state_.Begin());
  SMKI_RETURN_IF_ERROR(state_.Set(kCrlNumber, std::to_string(number)));
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("sim.crl.numbered");
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(extracts_ + "/" + kOrganisationCrlFile, Gzip(list.der)));
  return PublishedList{kOrganisationCrlFile, std::move(list.der)};
}

StatusOr<std::string> Authority::BeginDelta() {
  SMKI_ASSIGN_OR_RETURN(std::string date, state_.Setting(kPendingDelta));
  if (!date.empty()) return date;
  SMKI_ASSIGN_OR_RETURN(const std::string last, state_.Setting(kLastDelta));
  const std::optional<UtcTime> last_day = ParseDate(last);
  if (!last_day) return DataLoss("the authority's state names no date of its last delta; make the estate again");
  date = FormatDate(*last_day + kDay);
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state_.Begin());
  SMKI_ASSIGN_OR_RETURN(const uint64_t certificates, state_.Assign(date));
  if (certificates == 0) return std::string();
  SMKI_RETURN_IF_ERROR(state_.Set(kPendingDelta, date));
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("sim.delta.begun");
  return date;
}

StatusOr<Authority::PublishedDelta> Authority::PublishDelta() {
  // What goes into which file is durable before the file: after a crash the same file is written again.
  SMKI_ASSIGN_OR_RETURN(const std::string date, BeginDelta());
  if (date.empty()) return PublishedDelta();
  SMKI_ASSIGN_OR_RETURN(const std::vector<AuthorityState::Known> certificates, state_.AssignedTo(date));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<repository::ExtractWriter> writer,
                        repository::ExtractWriter::Create(extracts_, /*full=*/false, date));
  for (const AuthorityState::Known& one : certificates) {
    SMKI_ASSIGN_OR_RETURN(const repository::CertificateRecord record,
                          RecordOf(one.certificate, one.kind, one.status, date));
    SMKI_RETURN_IF_ERROR(writer->Add(record));
  }
  FailPoint("sim.delta.before-rename");
  SMKI_RETURN_IF_ERROR(writer->Finish());
  SMKI_ASSIGN_OR_RETURN(Transaction transaction, state_.Begin());
  SMKI_RETURN_IF_ERROR(state_.Set(kLastDelta, date));
  SMKI_RETURN_IF_ERROR(state_.Set(kPendingDelta, ""));
  FailPoint("sim.delta.renamed");
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  FailPoint("sim.delta.published");
  return PublishedDelta{repository::ExtractFileName(/*full=*/false, date), certificates.size()};
}

// Time in front, so that of two certificates issued in one second the later has the greater serial: who must tell
// the elder from the younger (replacements of two keyAgreement cells) has nothing else to go by.
Bytes Authority::NextSerial() {
  newest_serial_ms_ = std::max(newest_serial_ms_ + 1, clock_.Now().ms);
  WireWriter serial;
  serial.U16(static_cast<uint16_t>(newest_serial_ms_ >> 32));
  serial.U32(static_cast<uint32_t>(newest_serial_ms_));
  serial.Fixed(random_.Take(10));
  return serial.Take();
}

}  // namespace smki::sim
