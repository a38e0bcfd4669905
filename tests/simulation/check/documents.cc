#include "tests/simulation/check/documents.h"

#include <algorithm>

#include "pki/digest.h"

namespace smki::simulation {
namespace {

StatusOr<Text> ReadKind(std::string_view text, const char* kind) {
  if (text.size() > (1 << 20)) return InvalidArgument("too long");
  SMKI_ASSIGN_OR_RETURN(Text out, Text::Read(text));
  std::string fault;
  if (out["apiVersion"].Name(fault) != "smki.recovery/v1" || out["kind"].Name(fault) != kind)
    return InvalidArgument("it is no {}", kind);
  return out;
}

Status Done(const std::string& fault) {
  return fault.empty() ? OkStatus() : InvalidArgument("{}", fault);
}

template <typename T>
void Environment(const Text& text, T& out, std::string& fault) {
  const Status shape = text["environment"].Shape({"kind", "estate"});
  if (!shape.ok() && fault.empty()) fault = Message(shape);
  out.environment = text["environment.kind"].Name(fault);
  out.estate = text["environment.estate"].Name(fault);
}

StatusOr<Group> ReadGroup(const Text& text) {
  SMKI_RETURN_IF_ERROR(text.Shape({"name", "deviceType", "population", "replacements", "pathCertificates", "floors",
                                   "?authorisingFloor", "timeChecks"}));
  SMKI_RETURN_IF_ERROR(text["population"].Shape({"count", "digest"}));
  Group out;
  std::string fault;
  out.name = text["name"].Name(fault);
  text["deviceType"].Name(fault);
  out.count = text["population.count"].Number(fault);
  out.population = text["population.digest"].Digest(fault);
  for (const Text& item : text["replacements"].items()) {
    SMKI_RETURN_IF_ERROR(item.Shape({"cell", "certificate"}));
    out.replacements.emplace_back(item["cell"].Name(fault), item["certificate"].Digest(fault));
  }
  for (const Text& item : text["pathCertificates"].items()) out.path.push_back(item.Digest(fault));
  for (const Text& item : text["floors"].items()) {
    SMKI_RETURN_IF_ERROR(item.Shape({"role", "floor", "?prepaymentTopUp"}));
    Floor floor{item["role"].Name(fault), item["floor"].Number(fault), std::nullopt};
    if (item.Has("prepaymentTopUp")) floor.prepayment = item["prepaymentTopUp"].Number(fault);
    out.floors.push_back(std::move(floor));
  }
  if (text.Has("authorisingFloor")) out.authorising_floor = text["authorisingFloor"].Number(fault);
  out.time_checks = text["timeChecks"].Flag(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

void ReadPeople(const Text& text, Policy& out, std::string& fault) {
  for (const Text& item : text["seats"].items()) {
    out.seats.push_back({item["name"].Name(fault), item["member"].Name(fault), item["alternates"].Names(fault)});
  }
  for (const Text& item : text["persons"].items()) {
    PolicyPerson person{item["organisation"].Name(fault), item["roles"].Names(fault),
                        item["signingCertificate"].Octets(fault)};
    out.persons.emplace(item["id"].Name(fault), std::move(person));
  }
  for (const Text& item : text["keys"].items()) {
    PolicyKey key{item["threshold"].Number(fault), {}};
    for (const Text& share : item["custodians"].items()) key.custodians.push_back(share["person"].Name(fault));
    out.keys.emplace(item["key"].Name(fault), std::move(key));
  }
  for (const Text& item : text["conflicts"].items())
    out.conflicts.emplace_back(item["a"].Name(fault), item["b"].Name(fault));
}

}  // namespace

bool PolicyPerson::Has(const std::string& role) const {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

const Seat* Policy::SeatOf(const std::string& person) const {
  for (const Seat& seat : seats) {
    if (seat.member == person) return &seat;
    if (std::find(seat.alternates.begin(), seat.alternates.end(), person) != seat.alternates.end()) return &seat;
  }
  return nullptr;
}

std::string Policy::VotingRole(const std::string& person) const {
  const Seat* const seat = SeatOf(person);
  return seat == nullptr ? "" : seat->member == person ? "pma-member" : "pma-alternate";
}

StatusOr<Policy> ReadPolicy(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "TrustPolicy"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "version", "environment", "previous", "issued", "approvals", "?chair", "seats",
                  "persons", "keys", "?retired", "allowed", "conflicts", "identities", "personsAuthority",
                  "revocationListMaxAge", "organisationRoot", "deviceAuthorities"}));
  Policy out;
  std::string fault;
  out.digest = pki::Sha256(text);
  out.version = read["version"].Number(fault);
  out.previous = read["previous"].Digest(fault);
  Environment(read, out, fault);
  out.needed = read["approvals.needed"].Number(fault);
  out.withdrawals_needed = read["approvals.withdrawalsNeeded"].Number(fault);
  out.one_vote_per_organisation = read["approvals.oneVotePerOrganisation"].Flag(fault);
  ReadPeople(read, out, fault);
  if (read.Has("retired")) out.retired = read["retired"].Names(fault);
  for (const Text& item : read["allowed"].items()) {
    out.allowed.push_back({item["procedure"].Name(fault), item["key"].Name(fault), item["digest"].Digest(fault),
                           item["modes"].Names(fault)});
  }
  out.keyguard = read["identities.keyguard"].Octets(fault);
  out.orchestrator = read["identities.orchestrator"].Octets(fault);
  out.persons_authority = read["personsAuthority"].Octets(fault);
  out.revocation_list_max_age = read["revocationListMaxAge"].Duration(fault);
  for (const char* key : {"environment", "approvals", "chair", "seats", "retired", "allowed", "conflicts", "identities",
                          "personsAuthority", "revocationListMaxAge", "organisationRoot", "deviceAuthorities"})
    out.unchanging += read[key].Flat() + "|";
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

const Group* Direction::Find(const std::string& group) const {
  for (const Group& one : groups) {
    if (one.name == group) return &one;
  }
  return nullptr;
}

StatusOr<Direction> ReadDirection(std::string_view text) {
  if (text.size() > 64 * 1024) return InvalidArgument("longer than 64 KiB");
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "Direction"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "id", "environment", "incident", "ledger", "nonce", "requestedBy", "drafted",
                  "key", "procedure", "mode", "groups", "counters", "validity", "limits", "factors", "rationale"}));
  SMKI_RETURN_IF_ERROR(read["ledger"].Shape({"sequence", "head"}));
  SMKI_RETURN_IF_ERROR(read["key"].Shape({"name", "certificate"}));
  SMKI_RETURN_IF_ERROR(read["procedure"].Shape({"id", "digest"}));
  SMKI_RETURN_IF_ERROR(read["counters"].Shape({"first", "last"}));
  SMKI_RETURN_IF_ERROR(read["validity"].Shape({"notBefore", "notAfter"}));
  SMKI_RETURN_IF_ERROR(read["limits"].Shape({"attemptsPerDevice", "total", "outstanding", "ratePerSecond"}));
  Direction out;
  std::string fault;
  out.id = read["id"].Name(fault);
  Environment(read, out, fault);
  out.incident = read["incident"].Name(fault);
  out.ledger_sequence = read["ledger.sequence"].Number(fault);
  out.ledger_head = read["ledger.head"].Digest(fault);
  out.nonce = read["nonce"].Name(fault);
  out.requested_by = read["requestedBy"].Name(fault);
  out.drafted = read["drafted"].Time(fault);
  out.key = read["key.name"].Name(fault);
  out.certificate = read["key.certificate"].Digest(fault);
  out.procedure = read["procedure.id"].Name(fault);
  out.procedure_digest = read["procedure.digest"].Digest(fault);
  out.mode = read["mode"].Name(fault);
  for (const Text& item : read["groups"].items()) {
    SMKI_ASSIGN_OR_RETURN(Group group, ReadGroup(item));
    out.groups.push_back(std::move(group));
  }
  out.first = read["counters.first"].Number(fault);
  out.last = read["counters.last"].Number(fault);
  out.not_before = read["validity.notBefore"].Time(fault);
  out.not_after = read["validity.notAfter"].Time(fault);
  out.attempts = read["limits.attemptsPerDevice"].Number(fault);
  out.total = read["limits.total"].Number(fault);
  out.outstanding = read["limits.outstanding"].Number(fault);
  out.rate = read["limits.ratePerSecond"].Number(fault);
  for (const Text& item : read["factors"].items()) {
    SMKI_RETURN_IF_ERROR(item.Shape({"id", "answer"}));
    item["id"].Name(fault);
    item["answer"].Quoted(fault);
  }
  read["rationale"].Quoted(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

StatusOr<Order> ReadOrder(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "PmaOrder"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "order", "environment", "direction", "person", "time", "reason"}));
  Order out;
  std::string fault;
  out.order = read["order"].Name(fault);
  Environment(read, out, fault);
  out.direction = read["direction"].Digest(fault);
  out.person = read["person"].Name(fault);
  out.time = read["time"].Time(fault);
  read["reason"].Quoted(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

StatusOr<Rejection> ReadRejection(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "Rejection"));
  SMKI_RETURN_IF_ERROR(read.Shape({"apiVersion", "kind", "environment", "direction", "person", "reason"}));
  Rejection out;
  std::string fault;
  Environment(read, out, fault);
  out.direction = read["direction"].Digest(fault);
  out.person = read["person"].Name(fault);
  read["reason"].Quoted(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

StatusOr<Statement> ReadStatement(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "Statement"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "environment", "incident", "step", "verb", "choice", "?factors", "?deviation",
                  "?notAfter", "?runbook", "?witness", "expectedSequence", "person", "time", "text"}));
  Statement out;
  std::string fault;
  out.digest = pki::Sha256(text);
  if (read.Has("factors")) {
    for (const Text& item : read["factors"].items()) {
      SMKI_RETURN_IF_ERROR(item.Shape({"id", "answer"}));
      out.factors[item["id"].Name(fault)] = item["answer"].Quoted(fault);
    }
  }
  if (read.Has("deviation")) out.deviation = read["deviation"].Name(fault);
  if (read.Has("notAfter")) out.not_after = read["notAfter"].Name(fault);
  if (read.Has("witness")) out.witness = read["witness"].Quoted(fault);
  Environment(read, out, fault);
  out.incident = read["incident"].Name(fault);
  out.step = read["step"].Name(fault);
  out.verb = read["verb"].Name(fault);
  out.choice = read["choice"].Name(fault);
  out.expected_sequence = read["expectedSequence"].Number(fault);
  out.person = read["person"].Name(fault);
  out.time = read["time"].Time(fault);
  out.text = read["text"].Quoted(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

StatusOr<CeremonyRequest> ReadCeremonyRequest(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "CeremonyRequest"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "environment", "id", "incident", "direction", "key", "policy", "threshold",
                  "limits", "keyguardTime", "expires", "journal", "ledgerHead", "ceremonyCertificate"}));
  CeremonyRequest out;
  std::string fault;
  out.digest = pki::Sha256(text);
  Environment(read, out, fault);
  out.id = read["id"].Name(fault);
  out.incident = read["incident"].Name(fault);
  out.direction_id = read["direction.id"].Name(fault);
  out.direction = read["direction.digest"].Digest(fault);
  out.key = read["key"].Name(fault);
  out.policy_version = read["policy.version"].Number(fault);
  out.policy = read["policy.digest"].Digest(fault);
  out.threshold = read["threshold"].Number(fault);
  out.devices = read["limits.devices"].Number(fault);
  out.total = read["limits.total"].Number(fault);
  out.keyguard_time = read["keyguardTime"].Time(fault);
  out.expires = read["expires"].Time(fault);
  out.journal_records = read["journal.records"].Number(fault);
  out.journal_head = read["journal.head"].Digest(fault);
  out.ledger_head = read["ledgerHead"].Digest(fault);
  read["ceremonyCertificate"].Octets(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

StatusOr<Presentation> ReadPresentation(std::string_view text) {
  SMKI_ASSIGN_OR_RETURN(const Text read, ReadKind(text, "SharePresentation"));
  SMKI_RETURN_IF_ERROR(
      read.Shape({"apiVersion", "kind", "environment", "ceremony", "request", "key", "person", "envelope", "time"}));
  Presentation out;
  std::string fault;
  Environment(read, out, fault);
  out.ceremony = read["ceremony"].Name(fault);
  out.request = read["request"].Digest(fault);
  out.key = read["key"].Name(fault);
  out.person = read["person"].Name(fault);
  out.envelope = read["envelope"].Digest(fault);
  read["time"].Time(fault);
  SMKI_RETURN_IF_ERROR(Done(fault));
  return out;
}

}  // namespace smki::simulation
