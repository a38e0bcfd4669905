#include "sim/fleet/fleet_store.h"

#include "base/wire.h"

namespace smki::sim {
namespace {

constexpr int kVersion = 2;
constexpr char kSchema[] = R"(
  CREATE TABLE anchor (id INTEGER PRIMARY KEY, point BLOB NOT NULL, certificate BLOB NOT NULL);
  CREATE TABLE device (eui BLOB PRIMARY KEY, type TEXT NOT NULL, supplier BLOB NOT NULL, network_operator BLOB NOT NULL,
                       status TEXT NOT NULL, transmissions INTEGER NOT NULL, accepted INTEGER NOT NULL, state BLOB NOT NULL,
                       first_supplier BLOB NOT NULL, key BLOB NOT NULL, agreement BLOB NOT NULL) WITHOUT ROWID;
  CREATE TABLE response (sequence INTEGER PRIMARY KEY, device BLOB NOT NULL, message BLOB NOT NULL);
  CREATE TABLE in_flight (id INTEGER PRIMARY KEY, due INTEGER NOT NULL, device BLOB NOT NULL, message BLOB NOT NULL);
  CREATE INDEX in_flight_due ON in_flight (due, id);
  CREATE TABLE event (what TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
)";
#define DEVICE_COLUMNS "eui, type, supplier, network_operator, status, transmissions, accepted, state, first_supplier"

constexpr size_t kMaxCells = 64;
constexpr int64_t kMaxAnchors = 10'000'000;

std::string AnchorKey(const Anchor& anchor) {
  return ToString(anchor.certificate ? ByteSpan(anchor.certificate->der()) : ByteSpan(anchor.key.point()));
}

}  // namespace

struct FleetStore::Statements {
  Statement add, save, enrol, transmit, respond, fly, due, land, landed, event, load, serves, responses, next_due, list,
      list_of, add_anchor;
};

FleetStore::FleetStore(Database database) : database_(std::move(database)) {}
FleetStore::~FleetStore() = default;

StatusOr<std::unique_ptr<FleetStore>> FleetStore::Create(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(Database database, Database::Create(path, kSchema, kVersion));
  std::unique_ptr<FleetStore> store(new FleetStore(std::move(database)));
  SMKI_RETURN_IF_ERROR(store->Prepare());
  return store;
}

StatusOr<std::unique_ptr<FleetStore>> FleetStore::Open(const std::string& path) {
  return Load(Database::Open(path, kVersion));
}

StatusOr<std::unique_ptr<FleetStore>> FleetStore::OpenReadOnly(const std::string& path) {
  return Load(Database::OpenReadOnly(path, kVersion));
}

StatusOr<std::unique_ptr<FleetStore>> FleetStore::Load(StatusOr<Database> database) {
  if (!database.ok()) return database.status();
  std::unique_ptr<FleetStore> store(new FleetStore(*std::move(database)));
  SMKI_RETURN_IF_ERROR(store->Prepare());
  SMKI_RETURN_IF_ERROR(store->LoadAnchors());
  return store;
}

Status FleetStore::Prepare() {
#define PREPARE(name, sql) SMKI_ASSIGN_OR_RETURN(Statement name, database_.Prepare(sql))
  PREPARE(add, "INSERT INTO device (" DEVICE_COLUMNS ", key, agreement) VALUES (?,?,?,?,?,0,0,?,?,?,?)");
  PREPARE(save, "UPDATE device SET state=?, accepted=accepted+1 WHERE eui=?");
  PREPARE(enrol, "UPDATE device SET supplier=?, status=? WHERE eui=?");
  PREPARE(transmit, "UPDATE device SET transmissions=transmissions+1 WHERE eui=?");
  PREPARE(respond, "INSERT INTO response (device, message) VALUES (?,?)");
  PREPARE(fly, "INSERT INTO in_flight (due, device, message) VALUES (?,?,?)");
  PREPARE(due, "SELECT id FROM in_flight WHERE due<=? LIMIT 1");
  PREPARE(land,
          "INSERT INTO response (device, message) SELECT device, message FROM in_flight WHERE due<=? ORDER BY due, id");
  PREPARE(landed, "DELETE FROM in_flight WHERE due<=?");
  PREPARE(event, "INSERT INTO event VALUES (?,1) ON CONFLICT DO UPDATE SET count=count+1");
  PREPARE(load, "SELECT " DEVICE_COLUMNS ", key, agreement FROM device WHERE eui=?");
  PREPARE(serves, "SELECT 1 FROM device WHERE eui=?");
  PREPARE(responses, "SELECT sequence, device, message FROM response WHERE sequence>? ORDER BY sequence LIMIT ?");
  PREPARE(next_due, "SELECT due FROM in_flight ORDER BY due LIMIT 1");
  PREPARE(list, "SELECT " DEVICE_COLUMNS " FROM device WHERE eui>? ORDER BY eui LIMIT ?");
  PREPARE(list_of, "SELECT " DEVICE_COLUMNS " FROM device WHERE eui>? AND supplier=? ORDER BY eui LIMIT ?");
  PREPARE(add_anchor, "INSERT OR IGNORE INTO anchor VALUES (?,?,?)");
#undef PREPARE
  statements_ = std::make_unique<Statements>(Statements{
      std::move(add), std::move(save), std::move(enrol), std::move(transmit), std::move(respond), std::move(fly),
      std::move(due), std::move(land), std::move(landed), std::move(event), std::move(load), std::move(serves),
      std::move(responses), std::move(next_due), std::move(list), std::move(list_of), std::move(add_anchor)});
  return OkStatus();
}

Status FleetStore::LoadAnchors() {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT id, point, certificate FROM anchor ORDER BY id"));
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    const int64_t id = query.Integer(0);
    const std::string where = fmt::format("{}: anchor {}", database_.path(), id);
    if (id < 0 || id > kMaxAnchors) return DataLoss("{}: no such id can be", where);
    AnchorPtr anchor;
    if (query.Blob(2).empty()) {
      auto key = pki::PublicKey::FromPoint(query.Blob(1));
      if (!key.ok()) return WithContext(key.status(), where);
      anchor = Anchor::FromKey(*std::move(key));
    } else {
      auto certificate = pki::Certificate::Parse(query.Blob(2));
      if (!certificate.ok()) return WithContext(certificate.status(), where);
      anchor = Anchor::FromCertificate(*std::move(certificate));
    }
    anchor_ids_[AnchorKey(*anchor)] = static_cast<uint32_t>(id);
    anchors_.resize(static_cast<size_t>(id) + 1);
    anchors_.back() = std::move(anchor);
  }
  durable_anchors_ = anchors_.size();
  return OkStatus();
}

Status FleetStore::Commit(Transaction transaction) {
  SMKI_RETURN_IF_ERROR(transaction.Commit());
  durable_anchors_ = anchors_.size();
  return OkStatus();
}

StatusOr<uint32_t> FleetStore::AnchorId(const AnchorPtr& anchor) {
  const auto [entry, added] = anchor_ids_.try_emplace(AnchorKey(*anchor), static_cast<uint32_t>(anchors_.size()));
  const uint32_t id = entry->second;
  if (added) anchors_.push_back(anchor);
  // Written again until a commit is known to have held: the transaction that wrote it first may have been undone.
  if (id >= durable_anchors_) {
    const ByteSpan der = anchor->certificate ? ByteSpan(anchor->certificate->der()) : ByteSpan();
    SMKI_RETURN_IF_ERROR(statements_->add_anchor.Bind(int64_t{id}, ByteSpan(anchor->key.point()), der).Run());
  }
  return id;
}

StatusOr<Bytes> FleetStore::Encode(const DeviceState& state) {
  SMKI_CHECK(state.cells.size() <= kMaxCells);
  WireWriter out;
  out.U8(static_cast<uint8_t>(state.cells.size()));
  for (const auto& [cell, anchor] : state.cells) {
    SMKI_ASSIGN_OR_RETURN(const uint32_t id, AnchorId(anchor));
    out.U8(static_cast<uint8_t>(cell.role));
    out.U8(static_cast<uint8_t>(cell.key_usage));
    out.U8(static_cast<uint8_t>(cell.cell_usage));
    out.U32(id);
  }
  out.U16(static_cast<uint16_t>(state.counters.size()));
  for (const auto& [role, counters] : state.counters) {
    out.U8(static_cast<uint8_t>(role));
    out.U64(counters.seq_number);
    out.U16(static_cast<uint16_t>(counters.specialist.size()));
    for (const auto& [usage, seq_number] : counters.specialist) {
      out.U64(usage);
      out.U64(seq_number);
    }
  }
  return out.Take();
}

Status FleetStore::Decode(ByteSpan octets, DeviceState& state) const {
  WireReader in(octets);
  for (int left = in.U8(); left > 0 && in.ok(); --left) {
    gbcs::TrustAnchorCell cell;
    cell.role = static_cast<gbcs::Role>(in.U8());
    cell.key_usage = static_cast<gbcs::KeyUsage>(in.U8());
    cell.cell_usage = static_cast<gbcs::CellUsage>(in.U8());
    const uint32_t id = in.U32();
    if (id >= anchors_.size() || !anchors_[id])
      return DataLoss("Device {}: there is no anchor {}", state.eui.ToString(), id);
    state.cells[cell] = anchors_[id];
  }
  for (int left = in.U16(); left > 0 && in.ok(); --left) {
    RoleCounters& counters = state.counters[static_cast<gbcs::Role>(in.U8())];
    counters.seq_number = in.U64();
    for (int specialists = in.U16(); specialists > 0 && in.ok(); --specialists) {
      const uint64_t usage = in.U64();
      counters.specialist[usage] = in.U64();
    }
  }
  return in.Finish("the state of Device " + state.eui.ToString());
}

Status FleetStore::Add(const Enrolment& e, const DeviceState& state, const pki::PrivateKey& key,
                       const pki::PrivateKey& agreement) {
  SMKI_ASSIGN_OR_RETURN(const Bytes encoded, Encode(state));
  return statements_->add
      .Bind(e.eui, e.type, e.supplier, e.network_operator, e.status, encoded, e.supplier, key.ToScalar().span(),
            agreement.ToScalar().span())
      .Run();
}

Status FleetStore::SaveState(const DeviceState& state) {
  SMKI_ASSIGN_OR_RETURN(const Bytes encoded, Encode(state));
  return statements_->save.Bind(encoded, state.eui).Run();
}

Status FleetStore::SaveEnrolment(const Enrolment& enrolment) {
  return statements_->enrol.Bind(enrolment.supplier, enrolment.status, enrolment.eui).Run();
}

Status FleetStore::CountTransmission(Eui64 device) {
  return statements_->transmit.Bind(device).Run();
}

Status FleetStore::AppendResponse(Eui64 device, ByteSpan message) {
  return statements_->respond.Bind(device, message).Run();
}

Status FleetStore::AppendInFlight(UtcTime due, Eui64 device, ByteSpan message) {
  return statements_->fly.Bind(due.ms, device, message).Run();
}

StatusOr<bool> FleetStore::Land(UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const bool any, statements_->due.Bind(now.ms).Step());
  statements_->due.Reset();
  if (!any) return false;
  SMKI_RETURN_IF_ERROR(statements_->land.Bind(now.ms).Run());
  SMKI_RETURN_IF_ERROR(statements_->landed.Bind(now.ms).Run());
  return true;
}

Status FleetStore::CountEvent(const std::string& what) {
  return statements_->event.Bind(what).Run();
}

StatusOr<FleetDevice> FleetStore::ReadDevice(const Statement& row) const {
  FleetDevice out;
  out.enrolment = {row.Eui(0), row.Text(1), row.Eui(2), row.Eui(3), row.Text(4)};
  out.transmissions = static_cast<uint64_t>(row.Integer(5));
  out.accepted = static_cast<uint64_t>(row.Integer(6));
  out.state.eui = out.enrolment.eui;
  out.state.type = out.enrolment.type;
  SMKI_RETURN_IF_ERROR(Decode(row.Blob(7), out.state));
  out.first_supplier = row.Eui(8);
  return out;
}

StatusOr<std::unique_ptr<FleetStore::Loaded>> FleetStore::Load(Eui64 device) {
  Statement& query = statements_->load;
  query.Reset();
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Bind(device).Step());
  if (!row) return std::unique_ptr<Loaded>();
  SMKI_ASSIGN_OR_RETURN(FleetDevice read, ReadDevice(query));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::FromScalar(query.Blob(9)));
  Secret agreement(ToBytes(query.Blob(10)));
  query.Reset();
  return std::make_unique<Loaded>(Loaded{std::move(read), std::move(key), std::move(agreement)});
}

bool FleetStore::Serves(Eui64 device) {
  const auto row = statements_->serves.Bind(device).Step();
  statements_->serves.Reset();
  return row.ok() && *row;
}

StatusOr<std::vector<FleetResponse>> FleetStore::Responses(uint64_t after, size_t limit) {
  Statement& query = statements_->responses;
  query.Reset();
  query.Bind(after, uint64_t{limit});
  std::vector<FleetResponse> out;
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) break;
    out.push_back({static_cast<uint64_t>(query.Integer(0)), query.Eui(1), ToBytes(query.Blob(2))});
  }
  query.Reset();
  return out;
}

StatusOr<std::optional<UtcTime>> FleetStore::NextDue() {
  Statement& query = statements_->next_due;
  query.Reset();
  SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
  std::optional<UtcTime> due;
  if (row) due = UtcTime{query.Integer(0)};
  query.Reset();
  return due;
}

StatusOr<std::vector<FleetDevice>> FleetStore::ReadDevices(Statement& query) const {
  std::vector<FleetDevice> out;
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return out;
    SMKI_ASSIGN_OR_RETURN(FleetDevice device, ReadDevice(query));
    out.push_back(std::move(device));
  }
}

StatusOr<std::vector<FleetDevice>> FleetStore::List(Eui64 after, size_t limit, Eui64 supplier) {
  const bool all = supplier == Eui64();
  Statement& query = all ? statements_->list : statements_->list_of;
  query.Reset();
  if (all) {
    query.Bind(after, uint64_t{limit});
  } else {
    query.Bind(after, supplier, uint64_t{limit});
  }
  auto out = ReadDevices(query);
  query.Reset();
  return out;
}

Status FleetStore::ForEach(const std::function<void(const FleetDevice&)>& visit) {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT " DEVICE_COLUMNS " FROM device ORDER BY eui"));
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return OkStatus();
    SMKI_ASSIGN_OR_RETURN(const FleetDevice device, ReadDevice(query));
    visit(device);
  }
}

StatusOr<std::map<std::string, uint64_t>> FleetStore::Events() {
  SMKI_ASSIGN_OR_RETURN(Statement query, database_.Prepare("SELECT what, count FROM event"));
  std::map<std::string, uint64_t> out;
  for (;;) {
    SMKI_ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return out;
    out[query.Text(0)] = static_cast<uint64_t>(query.Integer(1));
  }
}

}  // namespace smki::sim
