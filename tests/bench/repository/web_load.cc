// smki-web-load: asks a Repository web service at a fixed rate and says how long the answers took.
//
// The schedule is open: request i is due i/rate seconds after the start, whatever became of the others, and its latency
// counts from then, not from when a connection was free to send it. So a service that stalls is seen as slow by every
// request that was due meanwhile (no coordinated omission).
//
// Targets: one "EUI-64 serial" a line, for example from a full extract:
//   zcat SMKIKR_FULL_*.xml.gz | awk -F'[<>]' '/SubjectAltName/{e=$3} /CertificateSerial/{if(e)print e,$3}' | shuf -n
//   200000
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/random.h"
#include "base/status.h"
#include "base/usage.h"

namespace smki::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Micros = std::chrono::microseconds;

struct Options {
  std::string address = "127.0.0.1:8083", targets, output = "text";
  double rate = 500, seconds = 30;
  unsigned connections = 32, search_percent = 50;
  uint64_t seed = 1;
};

struct Target {
  std::string eui, serial;
};

// A keep-alive connection, opened again after a fault.
class Client {
 public:
  explicit Client(const std::string& address) {
    const size_t colon = address.rfind(':');
    to_.sin_family = AF_INET;
    to_.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &to_.sin_addr);
    address_ = address;
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // True if the answer is 200 and holds `expected`.
  bool Ask(const char* service, const std::string& body, const std::string& expected) {
    const std::string request = fmt::format(
        "POST /services/{} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{}",
        service, address_, body.size(), body);
    if (fd_ < 0 && !Open()) return false;
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
      const std::string answer = Receive();
      if (!answer.empty()) {
        return answer.rfind("HTTP/1.1 200", 0) == 0 && answer.find(expected) != std::string::npos;
      }
    }
    Close();
    return false;
  }

 private:
  bool Open() {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to_), sizeof to_) == 0) return true;
    Close();
    return false;
  }
  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // Head and body; empty if they did not come whole.
  std::string Receive() {
    static constexpr std::string_view kLength = "Content-Length: ";
    std::string answer;
    size_t whole = std::string::npos;
    while (whole == std::string::npos || answer.size() < whole) {
      char piece[16384];
      const ssize_t n = ::recv(fd_, piece, sizeof piece, 0);
      if (n <= 0) return "";
      answer.append(piece, static_cast<size_t>(n));
      const size_t head = answer.find("\r\n\r\n");
      if (whole != std::string::npos || head == std::string::npos) continue;
      const size_t length = answer.find(kLength);
      if (length >= head) return "";
      whole = head + 4 + std::stoul(answer.substr(length + kLength.size()));
    }
    return answer;
  }

  sockaddr_in to_{};
  std::string address_;
  int fd_ = -1;
};

struct Sample {
  int64_t latency = 0;  // microseconds from when it was due
  int64_t late = 0;     // of which before it was sent
  bool search = false, good = false;
};

StatusOr<std::vector<Target>> ReadTargets(const std::string& path) {
  std::ifstream file(path);
  std::vector<Target> out;
  for (Target one; file >> one.eui >> one.serial;) out.push_back(one);
  if (out.empty()) return InvalidArgument("{} has no line \"EUI-64 serial\"", path);
  return out;
}

std::vector<Sample> Load(const Options& options, const std::vector<Target>& targets) {
  const auto count = static_cast<size_t>(options.rate * options.seconds);
  std::vector<Sample> samples(count);
  std::vector<const Target*> chosen(count);
  SeededRandom random(options.seed);
  for (size_t i = 0; i < count; ++i) {
    chosen[i] = &targets[random.Below(targets.size())];
    samples[i].search = random.Below(100) < options.search_percent;
  }
  std::atomic<size_t> next{0};
  const auto start = SteadyClock::now() + std::chrono::milliseconds(200);
  const auto work = [&] {
    Client client(options.address);
    for (size_t i = next++; i < count; i = next++) {
      const auto due =
          start + std::chrono::nanoseconds(static_cast<int64_t>(1e9 * static_cast<double>(i) / options.rate));
      std::this_thread::sleep_until(due);
      Sample& sample = samples[i];
      const Target& target = *chosen[i];
      sample.late = std::chrono::duration_cast<Micros>(SteadyClock::now() - due).count();
      sample.good = sample.search ? client.Ask("certificatesearch",
                                               "<CertificateSearchRequest><CertificateSubjectAltName>" + target.eui +
                                                   "</CertificateSubjectAltName></CertificateSearchRequest>",
                                               target.eui)
                                  : client.Ask("retrievecertificate",
                                               "<CertificateDataRequest><CertificateSerial>" + target.serial +
                                                   "</CertificateSerial></CertificateDataRequest>",
                                               target.eui);
      sample.latency = std::chrono::duration_cast<Micros>(SteadyClock::now() - due).count();
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.connections; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return samples;
}

constexpr std::pair<const char*, double> kQuantiles[] = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

// Nearest rank, in milliseconds.
nlohmann::ordered_json Summary(std::vector<int64_t> micros, size_t errors) {
  std::sort(micros.begin(), micros.end());
  nlohmann::ordered_json out = {{"requests", micros.size()}, {"errors", errors}};
  for (const auto& [name, quantile] : kQuantiles) {
    const auto rank = static_cast<size_t>(std::ceil(quantile * static_cast<double>(micros.size())));
    out[name] = micros.empty() ? 0.0 : static_cast<double>(micros[std::max<size_t>(rank, 1) - 1]) / 1000;
  }
  return out;
}

template <typename Wanted>
nlohmann::ordered_json Summary(const std::vector<Sample>& samples, int64_t Sample::*what, Wanted wanted) {
  std::vector<int64_t> micros;
  size_t errors = 0;
  for (const Sample& sample : samples) {
    if (!wanted(sample)) continue;
    micros.push_back(sample.*what);
    errors += !sample.good;
  }
  return Summary(std::move(micros), errors);
}

StatusOr<size_t> Run(const Options& options) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<Target> targets, ReadTargets(options.targets));
  const std::vector<Sample> samples = Load(options, targets);
  const auto any = [](const Sample&) { return true; };
  nlohmann::ordered_json result = {
      {"rate", options.rate}, {"seconds", options.seconds}, {"connections", options.connections},
      {"seed", options.seed}, {"targets", targets.size()},  {"unit", "ms from when a request was due"}};
  result["all"] = Summary(samples, &Sample::latency, any);
  result["search"] = Summary(samples, &Sample::latency, [](const Sample& sample) { return sample.search; });
  result["retrieve"] = Summary(samples, &Sample::latency, [](const Sample& sample) { return !sample.search; });
  result["sent late"] = Summary(samples, &Sample::late, any);
  if (options.output == "json") {
    fmt::print("{}\n", result.dump());
  } else {
    fmt::print("{} requests/s for {} s over {} connections, {} targets, seed {}; ms from when a request was due\n\n",
               options.rate, options.seconds, options.connections, targets.size(), options.seed);
    fmt::print("{:<10} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "", "requests", "errors", "p50", "p90", "p99",
               "p99.9", "max");
    for (const char* row : {"all", "search", "retrieve", "sent late"}) {
      const auto& one = result[row];
      fmt::print("{:<10} {:>9} {:>7}", row, one["requests"].get<size_t>(), one["errors"].get<size_t>());
      for (const auto& quantile : kQuantiles) fmt::print(" {:>9.3f}", one[quantile.first].get<double>());
      fmt::print("\n");
    }
  }
  return result["all"]["errors"].get<size_t>();
}

}  // namespace
}  // namespace smki::bench

int main(int argc, char** argv) {
  smki::bench::Options options;
  CLI::App app("Asks a Repository web service at a fixed rate; latencies count from when a request was due.");
  app.add_option("--address", options.address, "HOST:PORT, numeric IPv4")->capture_default_str();
  app.add_option("--targets", options.targets, "file of \"EUI-64 serial\" lines of Devices")->required();
  app.add_option("--rate", options.rate, "requests a second")->capture_default_str()->check(CLI::Range(1.0, 1e5));
  app.add_option("--seconds", options.seconds)->capture_default_str()->check(CLI::Range(0.1, 3600.0));
  app.add_option("--connections", options.connections)->capture_default_str()->check(CLI::Range(1, 1000));
  app.add_option("--search", options.search_percent, "percent that are searches")
      ->capture_default_str()
      ->check(CLI::Range(0, 100));
  app.add_option("--seed", options.seed)->capture_default_str();
  app.add_option("--output", options.output, "text or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  const auto errors = smki::bench::Run(options);
  if (errors.ok()) return *errors == 0 ? 0 : 1;
  fmt::print(stderr, "smki-web-load: {}\n", smki::Message(errors.status()));
  return 1;
}
