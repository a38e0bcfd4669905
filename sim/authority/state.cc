#include "sim/authority/authority.h"

namespace smki::sim {
namespace {

using repository::CertificateKind;
using repository::CertificateStatus;

constexpr int kVersion = 1;
constexpr int kSuperseded = 4;  // RFC 5280 CRLReason
constexpr char kSchema[] = R"(
  CREATE TABLE party (eui BLOB PRIMARY KEY, id TEXT NOT NULL, role INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE certificate (serial BLOB PRIMARY KEY, der BLOB NOT NULL, kind INTEGER NOT NULL, status TEXT NOT NULL,
                            file_date TEXT NOT NULL, request BLOB UNIQUE, subscriber TEXT NOT NULL,
                            revoked INTEGER, reason INTEGER) WITHOUT ROWID;
  CREATE INDEX certificate_file_date ON certificate (file_date);
  CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)";

}  // namespace

StatusOr<std::unique_ptr<AuthorityState>> AuthorityState::Create(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(Database database, Database::Create(path, kSchema, kVersion));
  return std::unique_ptr<AuthorityState>(new AuthorityState(std::move(database)));
}

StatusOr<std::unique_ptr<AuthorityState>> AuthorityState::Open(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(Database database, Database::Open(path, kVersion));
  return std::unique_ptr<AuthorityState>(new AuthorityState(std::move(database)));
}

Status AuthorityState::AddParty(const Party& party) {
  SMKI_ASSIGN_OR_RETURN(Statement insert, database_.Prepare("INSERT INTO party VALUES (?,?,?)"));
  return insert.Bind(party.eui, party.id, int{party.role}).Run();
}

StatusOr<std::optional<Party>> AuthorityState::FindParty(Eui64 eui) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT id, role FROM party WHERE eui=?"));
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Bind(eui).Step());
  if (!row) return std::optional<Party>();
  return std::optional<Party>(Party{query.Text(0), eui, static_cast<uint8_t>(query.Integer(1))});
}

StatusOr<std::optional<Party>> AuthorityState::FindParty(const std::string& id) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT eui, role FROM party WHERE id=?"));
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Bind(id).Step());
  if (!row) return std::optional<Party>();
  return std::optional<Party>(Party{id, query.Eui(0), static_cast<uint8_t>(query.Integer(1))});
}

StatusOr<bool> AuthorityState::IsParty(const std::string& id) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT 1 FROM party WHERE id=?"));
  return query.Bind(id).Step();
}

Status AuthorityState::AddCertificate(const pki::Certificate& certificate, CertificateKind kind,
                                      const std::string& file_date, const Digest& request,
                                      const std::string& subscriber) {
  SMKI_ASSIGN_OR_RETURN(Statement insert,
                        database_.Prepare("INSERT INTO certificate (serial, der, kind, status, file_date, request, "
                                          "subscriber) VALUES (?,?,?,'I',?,nullif(?,zeroblob(32)),?)"));
  return insert
      .Bind(certificate.serial, certificate.der(), static_cast<int>(kind), file_date, ByteSpan(request), subscriber)
      .Run();
}

StatusOr<std::optional<pki::Certificate>> AuthorityState::FindByRequest(const Digest& request) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT der FROM certificate WHERE request=?"));
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Bind(ByteSpan(request)).Step());
  if (!row) return std::optional<pki::Certificate>();
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(query.Blob(0)));
  return std::optional<pki::Certificate>(std::move(certificate));
}

StatusOr<std::vector<AuthorityState::Known>> AuthorityState::ReadKnown(Statement& query) {
  std::vector<Known> out;
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return out;
    SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate, pki::Certificate::Parse(query.Blob(0)));
    out.push_back({std::move(certificate), static_cast<CertificateKind>(query.Integer(1)),
                   static_cast<CertificateStatus>(query.Text(2).at(0))});
  }
}

StatusOr<std::optional<AuthorityState::Known>> AuthorityState::FindBySerial(ByteSpan serial) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT der, kind, status FROM certificate WHERE serial=?"));
  SMKI_ASSIGN_OR_RETURN(std::vector<Known> found, ReadKnown(query.Bind(serial)));
  return found.empty() ? std::optional<Known>() : std::optional<Known>(std::move(found[0]));
}

Status AuthorityState::MarkRevoked(ByteSpan serial, UtcTime time, int reason) {
  SMKI_ASSIGN_OR_RETURN(
      Statement update,
      database_.Prepare("UPDATE certificate SET status='R', revoked=?, reason=?, file_date='' WHERE serial=?"));
  return update.Bind(time.ms, reason, serial).Run();
}

Status AuthorityState::SetStatus(ByteSpan serial, CertificateStatus status, UtcTime time,
                                 const std::string& file_date) {
  SMKI_ASSIGN_OR_RETURN(
      Statement update,
      database_.Prepare("UPDATE certificate SET status=?, revoked=?, reason=?, file_date=? WHERE serial=?"));
  return update.Bind(std::string(1, static_cast<char>(status)), time.ms, kSuperseded, file_date, serial).Run();
}

StatusOr<std::vector<pki::Revoked>> AuthorityState::Revocations() {
  SMKI_ASSIGN_OR_RETURN(Statement query,
                        database_.Prepare("SELECT serial, revoked, reason FROM certificate WHERE status='R' "
                                          "AND kind=? ORDER BY revoked, serial"));
  query.Bind(static_cast<int>(CertificateKind::kOrganisation));
  std::vector<pki::Revoked> out;
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return out;
    out.push_back({ToBytes(query.Blob(0)), UtcTime{query.Integer(1)}, static_cast<int>(query.Integer(2))});
  }
}

StatusOr<uint64_t> AuthorityState::Assign(const std::string& date) {
  SMKI_ASSIGN_OR_RETURN(const int64_t waiting,
                        database_.QueryInteger("SELECT count(*) FROM certificate WHERE file_date=''"));
  SMKI_ASSIGN_OR_RETURN(Statement update, database_.Prepare("UPDATE certificate SET file_date=? WHERE file_date=''"));
  SMKI_RETURN_IF_ERROR(update.Bind(date).Run());
  return static_cast<uint64_t>(waiting);
}

StatusOr<std::vector<AuthorityState::Known>> AuthorityState::AssignedTo(const std::string& date) {
  SMKI_ASSIGN_OR_RETURN(
      Statement query,
      database_.Prepare("SELECT der, kind, status FROM certificate WHERE file_date=? ORDER BY serial"));
  return ReadKnown(query.Bind(date));
}

StatusOr<std::string> AuthorityState::Setting(const std::string& name) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT value FROM setting WHERE name=?"));
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Bind(name).Step());
  return row ? query.Text(0) : std::string();
}

Status AuthorityState::Set(const std::string& name, const std::string& value) {
  SMKI_ASSIGN_OR_RETURN(Statement write, database_.Prepare("INSERT OR REPLACE INTO setting VALUES (?,?)"));
  return write.Bind(name, value).Run();
}

}  // namespace smki::sim
