#include "tests/harness/keyguard.h"

#include <cstdlib>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"

namespace smki::test {
namespace {

constexpr Millis kDeadline{20'000};
constexpr size_t kPart = 256 * 1024;

std::string OctetsOf(ByteSpan bytes) {
  return ToString(bytes);
}

}  // namespace

std::string Program(const std::string& name) {
  return BuildFolder() + "/bin/" + name;
}

std::unique_ptr<Keyguard> Keyguard::Start(Estate& estate, const std::vector<std::string>& environment) {
  auto out = std::unique_ptr<Keyguard>(new Keyguard(estate));
  const std::string site = estate.Path("keyguard/keyguard.yaml");
  const YamlNode root = SMKI_MUST(ParseYaml(estate.Read("keyguard/keyguard.yaml"), site));
  out->listen_ = SMKI_MUST(root.Text("listen"));
  out->persons_listen_ = SMKI_MUST(root.Text("personsListen"));
  out->process_ = SMKI_MUST(sim::Process::Start({Program("smki-keyguard"), "--site", site}, environment,
                                                estate.Path("keyguard.log"), "ready", kDeadline));
  return out;
}

Keyguard::~Keyguard() {
  channels_.clear();  // a server that ends waits for open connections
  if (process_ != nullptr) process_->Stop(Millis(2000));
}

void Keyguard::Kill() {
  process_->Kill();
}
bool Keyguard::WaitDead() {
  return process_->Wait(kDeadline).has_value();
}

std::shared_ptr<grpc::Channel> Keyguard::Channel(const std::string& address, const std::string& as) {
  std::shared_ptr<grpc::Channel>& channel = channels_[address + " " + as];
  if (channel == nullptr) {
    const std::string stem = estate_.Path(as.starts_with("persons/") ? as + "/tls" : "tls/" + as);
    channel = rpc::MakeChannel(
        address, SMKI_MUST(rpc::ReadTls({estate_.Path("tls/ca.pem"), stem + ".crt.pem", stem + ".key.pem"})));
  }
  return channel;
}

std::unique_ptr<kg::Keyguard::Stub> Keyguard::OrchestratorStub(const std::string& as) {
  return kg::Keyguard::NewStub(Channel(listen_, as));
}
std::unique_ptr<kg::KeyguardPersons::Stub> Keyguard::PersonsStub(const std::string& as) {
  return kg::KeyguardPersons::NewStub(Channel(persons_listen_, as));
}

std::vector<kg::PrepareRequest> Keyguard::Parts(const Bundle& bundle) {
  std::vector<kg::PrepareRequest> out;
  kg::PrepareHeader& header = *out.emplace_back().mutable_header();
  header.set_incident(bundle.incident);
  header.set_key(bundle.key);
  header.set_direction(bundle.text);
  for (const Bytes& approval : bundle.approvals) header.add_approvals(OctetsOf(approval));
  header.set_policy(bundle.policy);
  header.set_revocation_list(OctetsOf(bundle.revocation_list));
  header.set_ledger_sequence(bundle.direction.ledger_sequence);
  header.set_ledger_head(OctetsOf(bundle.direction.ledger_head));
  for (const auto& [group, file] : bundle.populations) {
    for (size_t at = 0; at < file.size(); at += kPart) {
      kg::PopulationPart& part = *out.emplace_back().mutable_population();
      part.set_group(group);
      part.set_octets(OctetsOf(ByteSpan(file).subspan(at, std::min(kPart, file.size() - at))));
    }
  }
  for (const Bytes& certificate : bundle.certificates) out.emplace_back().set_certificate(OctetsOf(certificate));
  return out;
}

StatusOr<kg::Ceremony> Keyguard::Prepare(const std::vector<kg::PrepareRequest>& parts, const std::string& as) {
  const auto stub = OrchestratorStub(as);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  kg::PrepareResponse response;
  const auto writer = stub->Prepare(&context, &response);
  for (const kg::PrepareRequest& part : parts) writer->Write(part);
  writer->WritesDone();
  SMKI_RETURN_IF_ERROR(rpc::FromGrpc(writer->Finish()));
  return response.ceremony();
}

StatusOr<kg::Ceremony> Keyguard::Prepare(const Bundle& bundle, const std::string& as) {
  return Prepare(Parts(bundle), as);
}

StatusOr<kg::PresentShareRequest> Keyguard::MakePresentation(const std::string& person, const kg::Ceremony& ceremony) {
  PersonKeys& keys = estate_.person(person);
  SMKI_ASSIGN_OR_RETURN(const procedures::CeremonyRequest request,
                        procedures::ParseCeremonyRequest(ceremony.request()));
  SMKI_ASSIGN_OR_RETURN(const procedures::PresentedShare made,
                        procedures::PresentShare(estate_.policy(), request, ceremony.request(), person,
                                                 estate_.ReadBytes("persons/" + person + "/share-recovery.cms"),
                                                 {keys.agree, keys.agree_certificate, keys.sign, keys.sign_certificate},
                                                 SystemClock().Now()));
  kg::PresentShareRequest out;
  out.set_presentation(made.document);
  out.set_signature(OctetsOf(made.signature));
  out.set_envelope(OctetsOf(made.envelope));
  return out;
}

StatusOr<kg::Ceremony> Keyguard::Present(const std::string& person, const kg::PresentShareRequest& presentation) {
  const auto stub = PersonsStub("persons/" + person);
  kg::PresentShareResponse response;
  SMKI_RETURN_IF_ERROR(
      rpc::CallAndWait(*stub, &kg::KeyguardPersons::Stub::PresentShare, presentation, response, kDeadline));
  return response.ceremony();
}

StatusOr<kg::Ceremony> Keyguard::Present(const std::string& person, const kg::Ceremony& ceremony) {
  SMKI_ASSIGN_OR_RETURN(const kg::PresentShareRequest presentation, MakePresentation(person, ceremony));
  return Present(person, presentation);
}

Status Keyguard::Open(const Bundle& bundle) {
  SMKI_ASSIGN_OR_RETURN(const kg::Ceremony ceremony, Prepare(bundle));
  for (const char* custodian : {"kira.custodian", "liam.custodian", "mona.custodian"}) {
    SMKI_RETURN_IF_ERROR(Present(custodian, ceremony).status());
  }
  return OkStatus();
}

kg::SignRequest Keyguard::MakeSignRequest(const Bundle& bundle, const std::string& group,
                                          const std::vector<std::pair<Eui64, uint32_t>>& items) {
  kg::SignRequest request;
  request.set_direction_digest(OctetsOf(bundle.digest()));
  request.set_group(group);
  for (const auto& [device, attempt] : items) {
    kg::SignItem& item = *request.add_items();
    item.set_device(device.value());
    item.set_attempt(attempt);
  }
  request.set_ledger_sequence(bundle.direction.ledger_sequence);
  request.set_ledger_head(OctetsOf(bundle.direction.ledger_head));
  return request;
}

StatusOr<kg::SignResponse> Keyguard::Sign(const Bundle& bundle, const std::string& group,
                                          const std::vector<std::pair<Eui64, uint32_t>>& items, const std::string& as) {
  return Sign(MakeSignRequest(bundle, group, items), as);
}

StatusOr<kg::SignResponse> Keyguard::Sign(const kg::SignRequest& request, const std::string& as) {
  kg::SignResponse response;
  SMKI_RETURN_IF_ERROR(
      rpc::CallAndWait(*OrchestratorStub(as), &kg::Keyguard::Stub::Sign, request, response, kDeadline));
  released_.insert(released_.end(), response.commands().begin(), response.commands().end());
  return response;
}

StatusOr<kg::ProveResponse> Keyguard::Prove(const Bundle& bundle, const kg::Proof& proof) {
  kg::ProveRequest request;
  request.set_direction_digest(OctetsOf(bundle.digest()));
  *request.add_proofs() = proof;
  kg::ProveResponse response;
  SMKI_RETURN_IF_ERROR(
      rpc::CallAndWait(*OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::Prove, request, response, kDeadline));
  return response;
}

StatusOr<kg::Status> Keyguard::Order(const std::string& order, const Bundle& bundle, const std::string& person) {
  return Order(order, bundle, person, estate_.policy().environment);
}

StatusOr<kg::Status> Keyguard::Order(const std::string& order, const Bundle& bundle, const std::string& person,
                                     const procedures::Environment& environment) {
  procedures::PmaOrder document;
  document.order = order;
  document.environment = environment;
  document.direction = bundle.digest();
  document.person = person;
  document.time = UtcTime{SystemClock().Now().ms / 1000 * 1000};
  document.reason = {"a test"};
  const std::string text = procedures::Render(document);
  PersonKeys& keys = estate_.person(person);
  SMKI_ASSIGN_OR_RETURN(const Bytes cms, pki::SignDetached(AsBytes(text), keys.sign, keys.sign_certificate,
                                                           SystemClock().Now(), "smki order " + order));
  kg::OrderRequest request;
  request.set_order(text);
  request.set_signature(OctetsOf(cms));
  kg::OrderResponse response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*PersonsStub("persons/" + person), &kg::KeyguardPersons::Stub::Order, request,
                                        response, kDeadline));
  return response.status();
}

StatusOr<kg::Ceremony> Keyguard::BeginCustody(const std::string& person, const kg::BeginCustodyChangeRequest& request) {
  kg::BeginCustodyChangeResponse response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*PersonsStub("persons/" + person),
                                        &kg::KeyguardPersons::Stub::BeginCustodyChange, request, response, kDeadline));
  return response.ceremony();
}

StatusOr<kg::Custody> Keyguard::GetCustody(const std::string& person) {
  kg::Custody response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*PersonsStub("persons/" + person), &kg::KeyguardPersons::Stub::GetCustody,
                                        kg::GetCustodyRequest(), response, kDeadline));
  return response;
}

Status Keyguard::Close(const Bundle& bundle) {
  kg::CloseRequest request;
  request.set_direction_digest(OctetsOf(bundle.digest()));
  request.set_why("a test");
  kg::CloseResponse response;
  return rpc::CallAndWait(*OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::Close, request, response, kDeadline);
}

StatusOr<kg::Status> Keyguard::GetStatus() {
  kg::Status response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*OrchestratorStub("orchestrator"), &kg::Keyguard::Stub::GetStatus,
                                        kg::GetStatusRequest(), response, kDeadline));
  return response;
}

uint64_t Keyguard::Refusals(const std::string& code) {
  const kg::Status status = SMKI_MUST(GetStatus());
  for (const kg::ReasonCount& count : status.refusal_counts()) {
    if (count.code() == code) return count.count();
  }
  return 0;
}

StatusOr<Bytes> Keyguard::Journal() {
  const auto stub = OrchestratorStub("orchestrator");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  const auto reader = stub->ExportJournal(&context, kg::ExportJournalRequest());
  Bytes out;
  kg::JournalChunk chunk;
  while (reader->Read(&chunk)) Append(out, AsBytes(chunk.octets()));
  SMKI_RETURN_IF_ERROR(rpc::FromGrpc(reader->Finish()));
  return out;
}

}  // namespace smki::test
