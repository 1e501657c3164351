// What a JVM says of servers' certificates: the judge that the probe's `verdict_jvm` is held against.
//
// Standard input: one case a line, `port name truststore password`. Standard output: one line a case, `accepted`
// or the exception. Verifies as Kafka's clients do: PKIX and the endpoint identification algorithm HTTPS.

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.security.KeyStore;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Judge {
    public static void main(String[] arguments) throws Exception {
        BufferedReader cases = new BufferedReader(new InputStreamReader(System.in));
        for (String line = cases.readLine(); line != null; line = cases.readLine()) {
            String[] words = line.split(" ");
            System.out.println(judge(Integer.parseInt(words[0]), words[1], words[2], words[3]));
        }
    }

    private static String judge(int port, String name, String truststore, String password) throws Exception {
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(KeyStore.getInstance(new File(truststore), password.toCharArray()));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        try (Socket plain = new Socket("127.0.0.1", port)) {
            plain.setSoTimeout(10000);
            SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, name, port, true);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            return "accepted";
        } catch (IOException refusal) {
            return refusal.toString().replace('\n', ' ');
        }
    }
}
