import Glibc

/// A thread for the side that blocks while the caller plays the other: pthread_create, as the C subject uses it.
final class PeerThread {
  fileprivate final class Work {
    let body: @Sendable () throws -> Void
    var failure: (any Error)?
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }

  private let work: Work
  private var thread = pthread_t()

  init(_ body: @escaping @Sendable () throws -> Void) {
    work = Work(body)
    let argument = Unmanaged.passRetained(work).toOpaque()
    let result = pthread_create(&thread, nil, runWork, argument)
    precondition(result == 0, "pthread_create failed with \(result)")
  }

  /// Waits for the thread to end; throws what its body threw.
  func join() throws {
    pthread_join(thread, nil)
    if let failure = work.failure { throw failure }
  }
}

private func runWork(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  let work = Unmanaged<PeerThread.Work>.fromOpaque(argument).takeRetainedValue()
  do { try work.body() } catch { work.failure = error }
  return nil
}
