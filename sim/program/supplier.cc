#include "sim/program/supplier.h"

#include "base/file.h"
#include "proto/rpc/channel.h"
#include "sim/estate/estate_file.h"
#include "sim/estate/plan.h"
#include "smki/estate/v1/estate.grpc.pb.h"

namespace smki::sim {
namespace {

namespace v1 = smki::estate::v1;

constexpr size_t kMaxPem = 64 * 1024;
constexpr Millis kDeadline{30'000};
constexpr char kCsrBegin[] = "-----BEGIN CERTIFICATE REQUEST-----\n";
constexpr char kCsrEnd[] = "-----END CERTIFICATE REQUEST-----\n";
constexpr size_t kPemLine = 64;

std::string CsrToPem(ByteSpan der) {
  const std::string base64 = ToBase64(der);
  std::string out = kCsrBegin;
  for (size_t at = 0; at < base64.size(); at += kPemLine) out += base64.substr(at, kPemLine) + "\n";
  return out + kCsrEnd;
}

StatusOr<Bytes> CsrFromPem(std::string_view pem, const std::string& file) {
  const size_t begin = pem.find(kCsrBegin);
  const size_t end = pem.find(kCsrEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return InvalidArgument("{} holds no certificate request in PEM", file);
  }
  const size_t body = begin + sizeof kCsrBegin - 1;
  auto der = FromBase64(pem.substr(body, end - body));
  if (!der) return InvalidArgument("{}: the certificate request is not Base64", file);
  return *std::move(der);
}

std::string Stem(const std::string& estate, const std::string& party, const gbcs::TrustAnchorCell& cell,
                 const char* generation = "new-") {
  return fmt::format("{}/parties/{}/{}{}", estate, party, generation, FileWord(cell));
}

StatusOr<const PartyPlan*> FindParty(const std::string& party) {
  const PartyPlan* plan = FindPartyPlan(party);
  if (plan == nullptr) return NotFound("the estate has no party '{}'; estate.yaml lists them", party);
  if (plan->key_in_token)
    return InvalidArgument("the key of '{}' lives in a token; its certificates are not renewed here", party);
  return plan;
}

// The request for one cell: the one already made, or a new one for a new key.
StatusOr<Bytes> RequestFor(const PartyPlan& plan, const gbcs::TrustAnchorCell& cell, const std::string& stem) {
  FileSystem& files = PosixFiles();
  const std::string csr_file = stem + ".csr.pem";
  if (files.Exists(csr_file)) {
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, files.Read(csr_file, kMaxPem));
    return CsrFromPem(AsText(pem), csr_file);
  }
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::Generate());
  SMKI_ASSIGN_OR_RETURN(
      const Bytes request,
      pki::MakeCertificateRequest(key, {"", static_cast<uint8_t>(plan.role), plan.party.eui},
                                  static_cast<pki::KeyUsageBits>(1u << static_cast<unsigned>(cell.key_usage))));
  // The key first: a request whose key is lost would be worthless.
  SMKI_RETURN_IF_ERROR(files.WriteDurably(stem + ".key.pem", key.ToPem().span(), /*secret=*/true));
  SMKI_RETURN_IF_ERROR(files.WriteDurably(csr_file, AsBytes(CsrToPem(request))));
  return request;
}

StatusOr<std::vector<NewCertificate>> ReadCertificates(const std::string& estate, const std::string& party,
                                                       const char* generation) {
  SMKI_ASSIGN_OR_RETURN(const PartyPlan* plan, FindParty(party));
  std::vector<NewCertificate> out;
  for (const gbcs::TrustAnchorCell& cell : plan->cells) {
    const std::string path = Stem(estate, party, cell, generation) + ".crt.pem";
    if (!PosixFiles().Exists(path)) continue;
    SMKI_ASSIGN_OR_RETURN(const Bytes pem, PosixFiles().Read(path, kMaxPem));
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::FromPem(AsText(pem)));
    out.push_back({cell, std::move(certificate)});
  }
  return out;
}

}  // namespace

StatusOr<NewCertificates> MakeNewCertificates(const std::string& estate, const std::string& party) {
  SMKI_ASSIGN_OR_RETURN(const EstateFile file, ReadEstate(estate));
  SMKI_ASSIGN_OR_RETURN(const PartyPlan* plan, FindParty(party));
  SMKI_ASSIGN_OR_RETURN(const rpc::TlsMaterial tls,
                        rpc::ReadTls({estate + "/tls/ca.pem", fmt::format("{}/tls/{}.crt.pem", estate, party),
                                      fmt::format("{}/tls/{}.key.pem", estate, party)}));
  const auto stub = v1::CertificateAuthority::NewStub(rpc::MakeChannel(file.sim, tls));
  NewCertificates out;
  for (const gbcs::TrustAnchorCell& cell : plan->cells) {
    const std::string stem = Stem(estate, party, cell);
    SMKI_ASSIGN_OR_RETURN(const Bytes der, RequestFor(*plan, cell, stem));
    v1::SubmitRequestRequest request;
    request.set_request(der.data(), der.size());
    request.set_subscriber(party);
    v1::SubmitRequestResponse response;
    SMKI_RETURN_IF_ERROR(WithContext(
        rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::SubmitRequest, request, response, kDeadline),
        "the authority at " + file.sim));
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(AsBytes(response.certificate())));
    SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(stem + ".crt.pem", AsBytes(certificate.ToPem())));
    out.certificates.push_back({cell, std::move(certificate)});
  }
  v1::PublishDeltaResponse published;
  SMKI_RETURN_IF_ERROR(WithContext(rpc::CallAndWait(*stub, &v1::CertificateAuthority::Stub::PublishDelta,
                                                    v1::PublishDeltaRequest(), published, kDeadline),
                                   "the authority at " + file.sim));
  out.delta = published.file();
  return out;
}

StatusOr<std::vector<NewCertificate>> ReadNewCertificates(const std::string& estate, const std::string& party) {
  return ReadCertificates(estate, party, "new-");
}

StatusOr<std::vector<NewCertificate>> ReadCurrentCertificates(const std::string& estate, const std::string& party) {
  return ReadCertificates(estate, party, "");
}

}  // namespace smki::sim
