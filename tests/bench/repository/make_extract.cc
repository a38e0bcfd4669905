// smki-make-extract: extract files of a national size, for measuring (docs/benchmarks.md). Certificates are real DER,
// really signed; the keys are nobody's (device_mill.h).
//
// The element names are written here a second time, on purpose: a fault in the reader's table cannot hide itself.
#include <CLI/CLI.hpp>
#include <deque>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/usage.h"
#include "tests/bench/repository/gzip_blocks.h"
#include "tests/bench/repository/population.h"

namespace smki::bench {
namespace {

constexpr char kCrlFile[] = "SMKI_ORGANISATION_CRL.crl.gz";
constexpr char kArlFile[] = "SMKI_ORGANISATION_ARL.crl.gz";

struct Options {
  std::string out;
  uint64_t devices = 0;
  uint64_t deltas = 7;
  uint64_t delta_size = 0;
  uint64_t organisations = 200;
  uint64_t seed = 1;
  std::string date = "2026-11-01";  // and all deltas after it are past too
  int64_t day = 0;
};

std::string DateOf(int64_t day) {
  return FormatDate({day * 86'400'000});
}

// --- The text of an extract ---

void AppendRecord(std::string& out, std::string_view subject_element, std::string_view subject, ByteSpan serial,
                  char status, ByteSpan der, const std::string& role, std::string_view usage) {
  constexpr size_t kLine = 64;
  const auto element = [&out](std::string_view name, std::string_view text) {
    out.append("    <").append(name).append(">").append(text).append("</").append(name).append(">\n");
  };
  out += "  <CertificateResponse>\n";
  element(subject_element, subject);
  element("CertificateSerial", ToHex(serial));
  element("CertificateStatus", {&status, 1});
  out += "    <CertificateBody>\n";
  const std::string base64 = ToBase64(der);
  for (size_t at = 0; at < base64.size(); at += kLine) out.append(base64, at, kLine).append("\n");
  out += "</CertificateBody>\n";
  if (!role.empty()) element("CertificateRole", role);
  element("CertificateUsage", usage);
  element("ManufacturingFlag", "false");
  out += "  </CertificateResponse>\n";
}

void AppendDevice(std::string& out, const DeviceCertificate& made, char status) {
  AppendRecord(out, "CertificateSubjectAltName", made.order.device.ToString(), made.serial, status, made.der, "",
               made.order.agreement ? "KA" : "DS");
}

void AppendAuthority(std::string& out, const pki::Certificate& made) {
  AppendRecord(out, "CertificateSubjectName", made.subject_cn, made.serial, 'I', made.der(), "", "CA");
}

void AppendOrganisation(std::string& out, const pki::Certificate& made, char status) {
  AppendRecord(out, "CertificateSubjectName", made.subject_eui->ToString(), made.serial, status, made.der(),
               made.subject_ou, made.key_usage == pki::kKeyAgreement ? "KA" : "DS");
}

std::string Header(const char* type, int64_t day) {
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SMKIRepositoryExtract>\n  <ExtractType>{}</ExtractType>\n"
      "  <ExtractDate>{}</ExtractDate>\n",
      type, DateOf(day));
}
constexpr char kEnd[] = "</SMKIRepositoryExtract>\n";

StatusOr<GzipBlocks> CreateFile(const Options& options, const char* type, int64_t day) {
  return GzipBlocks::Create(fmt::format("{}/SMKIKR_{}_{}.xml.gz", options.out, type, DateOf(day)));
}

// --- The FULL ---

struct MadeBlock {
  DeflatedBlock text;
  std::vector<DeviceCertificate> changing;  // later, in a delta
};

// Of all certificates, about as many as the deltas need, evenly spread.
uint64_t ChangingStride(const Options& options) {
  const uint64_t needed = options.deltas * (options.delta_size * 3 / 8);
  return needed == 0 ? options.devices + 1 : std::max<uint64_t>(1, options.devices / needed);
}

MadeBlock MakeBlock(const Population& population, const DeviceMill& mill, uint64_t block, uint64_t stride) {
  const auto made = mill.Make(population.Block(block), SeedOf(population.seed, "devices", block));
  std::string text;
  MadeBlock out;
  for (size_t i = 0; i < made.size(); ++i) {
    AppendDevice(text, made[i], 'I');
    if ((2 * kDevicesPerBlock * block + i) % stride == stride - 1) out.changing.push_back(made[i]);
  }
  out.text = DeflateBlock(text);
  return out;
}

StatusOr<std::vector<DeviceCertificate>> WriteFull(const Options& options, const Population& population,
                                                   const DeviceMill& mill) {
  SMKI_ASSIGN_OR_RETURN(GzipBlocks file, CreateFile(options, "FULL", options.day));
  std::string first = Header("FULL", options.day);
  for (const auto* authority : {&population.root_oca, &population.issuing_oca, &population.root_dca}) {
    AppendAuthority(first, *authority);
  }
  for (const DeviceAuthority& authority : population.issuing_dca) AppendAuthority(first, authority.certificate);
  for (const pki::Certificate& organisation : population.organisations) AppendOrganisation(first, organisation, 'I');
  SMKI_RETURN_IF_ERROR(file.Add(DeflateBlock(first)));

  const size_t threads = std::max(1U, std::thread::hardware_concurrency());
  const uint64_t stride = ChangingStride(options);
  std::vector<DeviceCertificate> changing;
  std::deque<std::future<MadeBlock>> running;
  for (uint64_t next = 0; next < population.blocks() || !running.empty();) {
    while (running.size() < threads + 1 && next < population.blocks()) {
      running.push_back(
          std::async(std::launch::async, MakeBlock, std::cref(population), std::cref(mill), next, stride));
      ++next;
    }
    MadeBlock made = running.front().get();
    running.pop_front();
    SMKI_RETURN_IF_ERROR(file.Add(made.text));
    std::move(made.changing.begin(), made.changing.end(), std::back_inserter(changing));
  }
  SMKI_RETURN_IF_ERROR(file.Add(DeflateBlock(kEnd)));
  SMKI_RETURN_IF_ERROR(file.Finish());
  return changing;
}

// --- The deltas: of `delta_size` records an eighth revokes, a quarter takes out of use what another quarter renews,
// and the rest are the certificates of new Devices. ---

uint64_t WriteDeltaRecords(const Options& options, const Population& population, const DeviceMill& mill,
                           const std::vector<DeviceCertificate>& changing, uint64_t number, std::string& text) {
  const int64_t day = options.day + static_cast<int64_t>(number);
  const uint64_t changes = options.delta_size * 3 / 8;
  uint64_t records = 0;
  std::vector<DeviceOrder> orders;
  for (uint64_t i = 0; i < changes && (number - 1) + i * options.deltas < changing.size(); ++i) {
    const DeviceCertificate& old = changing[(number - 1) + i * options.deltas];
    const bool revoked = i % 3 == 0;
    AppendDevice(text, old, revoked ? 'R' : 'N');
    ++records;
    if (!revoked) orders.push_back(population.Issued(old.order.device, old.order.agreement, day));
  }
  while (records + orders.size() < options.delta_size) {
    const uint64_t certificate = number * options.delta_size + orders.size();
    orders.push_back(population.Issued(population.NewDevice(certificate / 2), certificate % 2 == 1, day));
  }
  for (const DeviceCertificate& made : mill.Make(orders, SeedOf(population.seed, "delta", number))) {
    AppendDevice(text, made, 'I');
    ++records;
  }
  return records;
}

StatusOr<uint64_t> WriteDelta(const Options& options, const Population& population, const DeviceMill& mill,
                              const std::vector<DeviceCertificate>& changing, uint64_t number) {
  const int64_t day = options.day + static_cast<int64_t>(number);
  SMKI_ASSIGN_OR_RETURN(GzipBlocks file, CreateFile(options, "DELT", day));
  std::string text = Header("DELT", day);
  uint64_t records = WriteDeltaRecords(options, population, mill, changing, number, text);
  if (number == options.deltas && !population.organisations.empty()) {
    AppendOrganisation(text, population.organisations.back(), 'R');
    ++records;
  }
  text += kEnd;
  SMKI_RETURN_IF_ERROR(file.Add(DeflateBlock(text)));
  SMKI_RETURN_IF_ERROR(file.Finish());
  return records;
}

// --- All of it ---

Status WriteBeside(const Options& options, const Population& population) {
  const auto write = [&](const std::string& name, ByteSpan octets) {
    return PosixFiles().WriteDurably(options.out + "/" + name, octets);
  };
  SMKI_RETURN_IF_ERROR(write("root-oca.pem", AsBytes(population.root_oca.ToPem())));
  SMKI_RETURN_IF_ERROR(write("root-dca.pem", AsBytes(population.root_dca.ToPem())));
  if (population.organisations.empty()) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const RevocationLists lists, MakeLists(population, population.organisations.back(),
                                                               options.day + static_cast<int64_t>(options.deltas)));
  for (const auto& [name, der] : {std::pair(kCrlFile, lists.crl), std::pair(kArlFile, lists.arl)}) {
    SMKI_ASSIGN_OR_RETURN(GzipBlocks file, GzipBlocks::Create(options.out + "/" + name));
    SMKI_RETURN_IF_ERROR(file.Add(DeflateBlock(AsText(der))));
    SMKI_RETURN_IF_ERROR(file.Finish());
  }
  return OkStatus();
}

// Written last: without it the folder is not whole.
Status WriteManifest(const Options& options, const Population& population, uint64_t delta_records, double seconds) {
  const uint64_t full = options.devices + population.organisations.size() + 3 + population.issuing_dca.size();
  const nlohmann::json manifest = {
      {"devices", options.devices}, {"seed", options.seed},
      {"date", options.date},       {"last_date", DateOf(options.day + static_cast<int64_t>(options.deltas))},
      {"full_records", full},       {"delta_records", delta_records},
      {"seconds", seconds}};
  fmt::print("{}\n", manifest.dump());
  return PosixFiles().WriteDurably(options.out + "/extract.json", AsBytes(manifest.dump(2) + "\n"));
}

Status MakeExtract(Options options) {
  const auto start = SystemClock().SinceBoot();
  const auto date = ParseDate(options.date);
  if (!date) return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", options.date);
  options.day = date->ms / 86'400'000;
  if (options.delta_size == 0) {
    options.delta_size = std::min(std::max<uint64_t>(2000, options.devices / 2000), options.devices / 16 + 8);
  }
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error || !std::filesystem::is_empty(options.out, error) || error) {
    return FailedPrecondition("{}: must be a new or an empty folder", options.out);
  }
  SMKI_ASSIGN_OR_RETURN(const Population population,
                        Population::Make(options.seed, options.devices, options.day, options.organisations));
  SeededRandom random(SeedOf(options.seed, "templates", 0));
  SMKI_ASSIGN_OR_RETURN(const auto mill, DeviceMill::Create(population.issuing_dca, random));
  SMKI_ASSIGN_OR_RETURN(const auto changing, WriteFull(options, population, *mill));
  uint64_t delta_records = 0;
  for (uint64_t number = 1; number <= options.deltas; ++number) {
    SMKI_ASSIGN_OR_RETURN(const uint64_t records, WriteDelta(options, population, *mill, changing, number));
    delta_records += records;
  }
  SMKI_RETURN_IF_ERROR(WriteBeside(options, population));
  return WriteManifest(options, population, delta_records,
                       std::chrono::duration<double>(SystemClock().SinceBoot() - start).count());
}

}  // namespace
}  // namespace smki::bench

int main(int argc, char** argv) {
  CLI::App app("Makes a FULL, its deltas, revocation lists and the two roots, for measuring");
  smki::bench::Options options;
  const auto number = [&](const char* name, uint64_t& to, const char* help) {
    return app.add_option(name, to, help)->check(smki::WholeNumber())->capture_default_str();
  };
  app.add_option("--out", options.out, "folder, new or empty")->required();
  number("--devices", options.devices, "Device Certificates in the FULL (a Device has two)")->required();
  number("--deltas", options.deltas, "deltas after it, one a day");
  number("--delta-size", options.delta_size, "records of a delta; 0: a 2000th of the FULL, at least 2000");
  number("--organisations", options.organisations, "Organisation Certificates");
  number("--seed", options.seed, "fixes all but the ECDSA nonces of authorities, organisations and lists");
  app.add_option("--date", options.date, "of the FULL")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  const smki::Status made = smki::bench::MakeExtract(options);
  if (made.ok()) return 0;
  fmt::print(stderr, "smki-make-extract: {}\n", smki::Message(made));
  return 1;
}
